# SPDX-License-Identifier: Apache-2.0
"""Whenever the power goes, the next boot ends in maintenance or with a whole configuration."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from edge.config.generate import Generated

MEMORY = Path("/dev/shm")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is one: every run waits for the medium many times."""
    if MEMORY.is_dir():
        with TemporaryDirectory(dir=MEMORY) as name:
            yield Path(name)
    else:
        yield tmp_path_factory.mktemp("cut")


@pytest.fixture(scope="module")
def runs(folder: Path, generated: Generated) -> dict[str, list[dict[str, str]]]:
    """Every cut of both runs, by run."""
    (folder / "first.yaml").write_text(generated.worker)
    (folder / "second.yaml").write_text(generated.worker + "\n# changed\n")
    program = [sys.executable, "-m", "tests.unit.node.power_cut", str(folder / "node")]
    configs = [str(folder / "first.yaml"), str(folder / "second.yaml")]
    done = subprocess.run([*program, *configs], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    names = ("first boot gpt", "first boot mbr", "change")
    return {name: [each for each in lines if each["run"] == name] for name in names}


@pytest.mark.parametrize("kind", ["gpt", "mbr"])
def test_a_cut_first_boot_ends_in_maintenance_or_configured(
    runs: dict[str, list[dict[str, str]]], generated: Generated, kind: str
) -> None:
    """No cut leaves volumes that the next boot cannot open, or half a configuration."""
    assert len(runs[f"first boot {kind}"]) > 20
    for run in runs[f"first boot {kind}"]:
        assert run["faults"] == "{}", run["cut"]
        assert (run["stage"], run["text"]) in (
            ("maintenance", ""),
            ("running", generated.worker),
        )


def test_a_cut_change_leaves_the_old_or_the_new_configuration(
    runs: dict[str, list[dict[str, str]]], generated: Generated
) -> None:
    """A configured node never falls back to maintenance by a cut."""
    old, new = generated.worker, generated.worker + "\n# changed\n"
    texts = [run["text"] for run in runs["change"]]
    assert {run["stage"] for run in runs["change"]} == {"running"}
    assert texts[0] == old
    assert texts[-1] == new
    assert set(texts) == {old, new}


def test_after_every_cut_the_node_can_be_configured(
    runs: dict[str, list[dict[str, str]]],
) -> None:
    """Applying works on whatever the cut left."""
    assert {run["healed"] for cuts in runs.values() for run in cuts} == {"running"}
