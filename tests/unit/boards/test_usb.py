# SPDX-License-Identifier: Apache-2.0
"""Boards on the USB that are no disks."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from boards.catalog import all_profiles
from boards.usb import find_usb_boards
from edge.cli.commands.boards import command
from edge.errors import BoardError


def plug(root: Path, port: str, vendor: str, product: str) -> None:
    """Make what the kernel shows of a USB device."""
    folder = root / "sys/bus/usb/devices" / port
    folder.mkdir(parents=True)
    (folder / "idVendor").write_text(f"{vendor}\n")
    (folder / "idProduct").write_text(f"{product}\n")


@pytest.mark.parametrize(
    ("usb_id", "mode", "boards"),
    [
        ("0a5c:2711", "recovery", ("rpi4",)),
        ("0a5c:2712", "recovery", ("rpi5",)),
        ("0a5c:0104", "storage", ("rpi4",)),
        ("0955:7f21", "recovery", ("jetson-nano",)),
        ("0955:7019", "recovery", ("jetson-agx-xavier",)),
        ("0955:7e19", "recovery", ("jetson-xavier-nx",)),
        ("0955:7023", "recovery", ("jetson-agx-orin",)),
        ("0955:7223", "recovery", ("jetson-agx-orin",)),
        ("0955:7323", "recovery", ("jetson-orin-nx",)),
        ("0955:7423", "recovery", ("jetson-orin-nx",)),
        ("0955:7523", "recovery", ("jetson-orin-nano",)),
        ("0955:7623", "recovery", ("jetson-orin-nano",)),
        ("0955:7045", "console", ("jetson-agx-orin",)),
        ("2207:350b", "recovery", ("rock-5b", "turing-rk1")),
    ],
)
def test_boards_are_known_by_their_ids(
    tmp_path: Path, usb_id: str, mode: str, boards: tuple[str, ...]
) -> None:
    """And each says what to do."""
    plug(tmp_path, "1-4.2", *usb_id.split(":"))
    plug(tmp_path, "1-1", "046d", "c31c")  # a keyboard
    (tmp_path / "sys/bus/usb/devices/1-4:1.0").mkdir()  # an interface
    (found,) = find_usb_boards(devices=tmp_path / "sys/bus/usb/devices")
    assert (found.port, found.mode, found.boards) == ("1-4.2", mode, boards)
    assert found.text.endswith(".")


def test_one_id_has_one_meaning() -> None:
    """Boards that share an id say the same of it."""
    said: dict[str, set[tuple[str, str]]] = {}
    for profile in all_profiles():
        for each in profile.usb:
            said.setdefault(each.id, set()).add((each.mode, each.text))
    assert {usb_id: len(texts) for usb_id, texts in said.items() if len(texts) > 1} == {}


def test_a_machine_without_usb_has_no_boards(tmp_path: Path) -> None:
    """No folder, no error."""
    assert find_usb_boards(devices=tmp_path / "none") == []


def test_detect_explains_what_waits_on_the_usb(tmp_path: Path) -> None:
    """The table names it, and what to do stands beside it."""
    plug(tmp_path, "3-2", "0955", "7523")
    result = CliRunner().invoke(command, ["detect", "--root", str(tmp_path)])
    assert result.exit_code == 0
    assert "USB port 3-2" in result.stdout
    assert "waits for NVIDIA's flash tool" in result.stderr
    (tmp_path / "none").mkdir()
    nothing = CliRunner().invoke(command, ["detect", "--root", str(tmp_path / "none")])
    assert isinstance(nothing.exception, BoardError)
