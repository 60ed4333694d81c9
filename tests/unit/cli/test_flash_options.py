# SPDX-License-Identifier: Apache-2.0
"""The options of `edgectl flash`, before anything is looked at."""

from pathlib import Path

import pytest

from edge.cli.main import run


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize(
    "option", ["--public-key", "--sha256", "--checksums", "--signature", "--save-partlabel"]
)
def test_empty_protection_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    """A variable of a script that is not set does not switch a check off."""
    image, target = str(tmp_path / "disk.img"), str(tmp_path / "card.img")
    assert run(["flash", "--image", image, "--to", target, option, value, "--yes"]) == 2
    assert f"'{option}': it is empty" in capsys.readouterr().err
