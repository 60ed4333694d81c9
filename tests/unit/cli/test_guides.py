# SPDX-License-Identifier: Apache-2.0
"""What docs/extensions.md has people copy holds as it stands there."""

import json
import re
from pathlib import Path

import pytest

from edge.cli.main import run

GUIDE = Path(__file__).parents[3] / "docs/extensions.md"


def example(kind: str, first: str) -> str:
    """Return the block of the guide that begins with these words."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = (each for each in blocks if each.startswith(first))
    return str(found)


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the extension of the guide, beside which the others are tried."""
    monkeypatch.chdir(tmp_path)
    folder = Path("door")
    program = folder / "rootfs/usr/bin/door"
    program.parent.mkdir(parents=True)
    (folder / "extension.yaml").write_text(example("yaml", "name: door"))
    program.write_text(example("python", "#!"))
    program.chmod(0o755)
    return folder


def test_the_extension_is_one(door: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its document is sound and its service runs the program that is in it."""
    assert run(["extensions", "show", f"./{door}", "-o", "json"]) == 0
    (service,) = json.loads(capsys.readouterr().out)["services"]
    program = door / "rootfs" / service["program"]
    compile(program.read_text(), str(program), "exec")


def test_the_schematic_can_be_built(door: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing can be said against it before a build."""
    Path("rack.yaml").write_text(example("yaml", "board: rpi4"))
    assert run(["schematic", "show", "rack.yaml", "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)["schematic"]
    assert door.name in [each["name"] for each in shown["extensions"]]
    assert shown["config_txt"]
