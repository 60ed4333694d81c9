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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--to x", "give either --board or --image"),
        ("--board rpi4 --sha256 00 --to x", "proofs are for --image"),
        ("--image i --signature s --to x", "needs the --public-key"),
        ("--image i --watch --to x", "leave --to away"),
        ("--image i", "missing option '--to'"),
        ("--image i --to x --to x", "named twice"),
        ("--image i --to x --card cam-01", "--card chooses from a --list"),
        ("--image i --to x --count 3", "--count goes with --watch"),
        ("--image i --watch --resume", "--resume is for cards named by --to"),
        ("--image i --watch --asset-tag A1", "cards that are not alike need a --list"),
        ("--image i --watch --list l.csv --count 2", "a --list ends itself"),
    ],
)
def test_what_does_not_go_together_is_said(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each contradiction is one line, before any file is opened."""
    assert run(["flash", *words.split()]) == 2
    assert message in capsys.readouterr().err
