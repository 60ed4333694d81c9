# SPDX-License-Identifier: Apache-2.0
"""From a schematic to what is built."""

from pathlib import Path

import pytest

from edge.errors import BoardError, InputError
from flasher.schematic.canonical import schematic_id
from flasher.schematic.load import load_schematic
from flasher.schematic.wish import to_wishes

from .test_canonical import write_folder


def test_everything_arrives_at_the_build(tmp_path: Path) -> None:
    """Names as names, files as paths, texts read, and the id of the whole."""
    path = write_folder(tmp_path / "a")
    path.write_text(
        path.read_text().replace("[{file: own.dts}]", "[disable-bt, {file: own.dts}]")
        + "kernel: {arguments: [quiet]}\nmeta: [{key: 12, value: é}]\ngrub: set a=b\n"
    )
    schematic = load_schematic(path)
    board, wishes = to_wishes(schematic)
    assert board == "rpi4"
    assert [each.path for each in wishes.overlays] == [None, tmp_path / "a/own.dts"]
    assert [each.name for each in wishes.extensions] == ["kit"]
    assert wishes.pieces["firmware"] == tmp_path / "a/firmware"
    assert (wishes.arguments, wishes.grub_cfg) == (("quiet",), "set a=b")
    assert (wishes.config_txt, wishes.meta) == ("gpu_mem=16\n", {12: "é".encode()})
    assert wishes.schematic_id == schematic_id(schematic)


def test_a_file_beside_the_schematic_is_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An overlay's file is a path even when its name could be that of one of ours."""
    (tmp_path / "disable-bt").write_text("/dts-v1/;\n")
    (tmp_path / "a.yaml").write_text("board: rpi4\noverlays: [{file: disable-bt}]\n")
    monkeypatch.chdir(tmp_path)
    [overlay] = to_wishes(load_schematic(Path("a.yaml")))[1].overlays
    assert overlay.path == Path("disable-bt")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("board: rpi9\n", BoardError, "rpi9"),
        ("board: rpi4\nextensions: [isci]\n", InputError, "unknown extension 'isci'"),
    ],
)
def test_what_nobody_knows(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    """Boards and extensions are looked up."""
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(error, match=message):
        to_wishes(load_schematic(tmp_path / "a.yaml"))
