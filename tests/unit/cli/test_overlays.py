# SPDX-License-Identifier: Apache-2.0
"""`edgectl overlays` without the network: device trees are given as files."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from edge.cli.main import run
from tests.unit.devicetree.conftest import BASE, HEAD

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give the compiled device tree of a small board of the family bcm2711."""
    path = tmp_path / "board.dtb"
    command = ["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", str(path)]
    subprocess.run(command, input=BASE, text=True, check=True)
    return path


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """Give a user's overlay that fits the board."""
    path = tmp_path / "mine.dts"
    path.write_text(HEAD + '&i2c1 { status = "okay"; };\n')
    return path


@pytest.fixture(autouse=True)
def without_schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide a dtschema that this machine may have, and give the folder that is searched for it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setattr("flasher.devicetree.lint.which", lambda name: None)
    return folder


@pytest.mark.parametrize("words", [["--board", "rpi4"], ["--soc", "bcm2711"]])
def test_a_family_is_listed(words: list[str], capsys: Capture) -> None:
    """With the parameters that each takes."""
    assert run(["overlays", "list", *words, "-o", "json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["i2c-rtc"]["parameters"] == ["chip", "bus"]
    assert rows["i2c-rtc"]["soc"] == "bcm2711"


def test_all_families_are_listed(capsys: Capture) -> None:
    """The table tells them apart."""
    assert run(["overlays", "list"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("SOC")
    assert all(
        f"\n{soc} " in out for soc in ("bcm2711", "bcm2712", "bcm2837", "rk3588", "tegra210")
    )


def test_a_board_without_overlays_is_told(capsys: Capture) -> None:
    """It is no error, and the families that have some are named."""
    assert run(["overlays", "list", "--board", "nuc", "-o", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == []
    assert "bcm2711" in err


def test_a_board_and_a_family_are_one_too_many(capsys: Capture) -> None:
    """The command cannot know which is meant."""
    assert run(["overlays", "list", "--board", "rpi4", "--soc", "rk3588"]) == 2
    assert "not both" in capsys.readouterr().err


def test_an_overlay_is_shown(capsys: Capture) -> None:
    """What the source is filled with stays out; where else there is one is in."""
    assert run(["overlays", "show", "i2c-rtc", "--board", "rpi4"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["parameters"]["chip"]["default"] == "ds3231"
    assert "pcf85063" in shown["parameters"]["chip"]["choices"]
    assert "tegra210" in shown["also_for"]


def test_an_overlay_is_shown_for_every_family_that_has_it(capsys: Capture) -> None:
    """As a list."""
    assert run(["overlays", "show", "disable-bt", "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [each["soc"] for each in shown] == ["bcm2711", "bcm2712", "bcm2837"]
    assert shown[0]["console"]["device"] == "ttyAMA0"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "gpio-fan", "--board", "jetson-nano"], 4, "there is one for bcm2711, bcm2837"),
        (["show", "nothing"], 2, "no overlay 'nothing'"),
        (["list", "--board", "rpi17"], 4, "rpi17"),
        (["list", "--soc", "bcm17"], 2, "no family 'bcm17'"),
    ],
)
def test_what_is_not_there_is_told(words: list[str], code: int, said: str, capsys: Capture) -> None:
    """What the board lacks, and boards that are not there, are the board's; else it is a typo."""
    assert run(["overlays", *words]) == code
    assert said in capsys.readouterr().err


def test_an_overlay_is_checked_on_a_tree(tree: Path, overlay: Path, capsys: Capture) -> None:
    """The family is the tree's; that the schemas were not asked is said."""
    assert run(["overlays", "check", str(overlay), "--tree", str(tree), "-o", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["result"] == "fits"
    assert json.loads(out)[0]["schema"] is None
    assert "dtschema is not installed" in err


def test_one_that_does_not_fit_is_told_and_fails(
    tree: Path, overlay: Path, capsys: Capture
) -> None:
    """The result is printed all the same, the exit code is that of images."""
    overlay.write_text(HEAD + '&i2c7 { status = "okay"; };\n')
    assert run(["overlays", "check", str(overlay), "--tree", str(tree)]) == 6
    out, err = capsys.readouterr()
    assert "does not fit" in out
    assert "no label i2c7" in out + err


def test_a_check_needs_a_tree(capsys: Capture) -> None:
    """From the board, or as a file."""
    assert run(["overlays", "check", "disable-bt"]) == 2
    assert "--board" in capsys.readouterr().err


def test_schemas_are_asked_where_they_are(
    tree: Path, overlay: Path, without_schemas: Path, capsys: Capture
) -> None:
    """What the board's own tree has too, and what no schema knows, is no fault of overlays."""
    program = without_schemas / "dt-validate"
    program.write_text(
        "#!/bin/sh\n"
        'echo "$1: /: old"\n'
        "echo \"$1: x: is not of type 'object', 'integer', 'array', 'boolean', 'null'\"\n"
        'case "$1" in *checked*)\n'
        'echo "$1: i2c: new"; printf "\\tmore\\n\\tfrom schema y\\n"; esac\n'
    )
    program.chmod(0o755)
    assert run(["overlays", "check", str(overlay), "--tree", str(tree), "-o", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["schema"] == ["i2c: new more"]
    assert "warning: board.dtb: i2c: new more" in err


def test_a_tree_is_merged_into_another_file(tree: Path, overlay: Path, capsys: Capture) -> None:
    """What was done is printed as images record it."""
    before, target = tree.read_bytes(), tree.with_name("merged.dtb")
    assert run(["overlays", "apply", str(tree), str(overlay), "-o", str(target)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["overlays"][0]["name"] == "mine.dts"
    read = ["fdtget", str(target), "/bus@1000/i2c@1300", "status"]
    assert subprocess.run(read, capture_output=True, text=True).stdout == "okay\n"
    assert tree.read_bytes() == before


def test_the_tree_itself_is_never_written(tree: Path, overlay: Path, capsys: Capture) -> None:
    """Not by another name for it either."""
    before = tree.read_bytes()
    link = tree.with_name("link.dtb")
    link.symlink_to(tree)
    for target in (tree, link):
        assert run(["overlays", "apply", str(tree), str(overlay), "-o", str(target)]) == 2
    assert "the tree itself" in capsys.readouterr().err
    assert tree.read_bytes() == before


def test_nothing_is_written_unless_all_fit(tree: Path, overlay: Path, capsys: Capture) -> None:
    """The second of two overlays does not."""
    target = tree.with_name("merged.dtb")
    words = ["overlays", "apply", str(tree), str(overlay), "pcie-speed", "-o", str(target)]
    assert run(words) == 6
    assert "no label pcie0" in capsys.readouterr().err
    assert not target.exists()
