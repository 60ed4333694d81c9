# SPDX-License-Identifier: Apache-2.0
"""Cards as emulators want them, and what is taken out of their EFI partition."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ImageError, ToolError
from edge.provision.emulator.card import fit_card, power_of_two, take_file
from edge.units import MIB
from flasher.table import Partition, Table, write_table

START = MIB


def card_with(folder: Path, name: str, content: bytes) -> Path:
    """Return a card whose first partition is a FAT with one file."""
    card, file = folder / "card.img", folder / "file"
    file.write_bytes(content)
    with card.open("w+b") as opened:
        opened.truncate(8 * MIB)
        partition = Partition(number=1, start_bytes=START, size_bytes=4 * MIB, type="0c")
        table = Table(kind="mbr", disk_id="65646765", size_bytes=8 * MIB, partitions=(partition,))
        write_table(opened, table)
    fat = folder / "fat"
    with fat.open("wb") as opened:
        opened.truncate(4 * MIB)
    subprocess.run(["mkfs.vfat", str(fat)], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", str(fat), str(file), f"::{name}"], check=True)
    with card.open("r+b") as opened:
        opened.seek(START)
        opened.write(fat.read_bytes())
    return card


@given(st.integers(min_value=1, max_value=2**45))
def test_a_power_of_two_is_the_smallest_that_holds(size: int) -> None:
    """It holds the size, half of it does not."""
    wanted = power_of_two(size)
    assert wanted >= size > wanted // 2
    assert wanted & (wanted - 1) == 0


def test_a_card_of_the_right_size_is_used_itself(tmp_path: Path) -> None:
    """Its content then stays after the emulator."""
    card = tmp_path / "disk.img"
    with card.open("wb") as file:
        file.truncate(4 * MIB)
    assert fit_card(card, tmp_path) == card


def test_another_card_is_copied_without_its_holes(tmp_path: Path) -> None:
    """The copy is larger and the original stays as it was."""
    card, folder = tmp_path / "disk.img", tmp_path / "emulator"
    folder.mkdir()
    with card.open("wb") as file:
        file.write(b"content")
        file.truncate(5 * MIB)
    copy = fit_card(card, folder)
    assert copy != card
    assert copy.stat().st_size == 8 * MIB
    assert copy.stat().st_blocks * 512 < MIB
    assert copy.read_bytes()[:7] == b"content"
    assert card.stat().st_size == 5 * MIB


def test_the_loader_is_taken_out_of_the_first_partition(tmp_path: Path) -> None:
    """Byte for byte, and anew each time."""
    card = card_with(tmp_path, "u-boot.bin", b"first")
    assert take_file(card, "u-boot.bin", tmp_path).read_bytes() == b"first"
    card = card_with(tmp_path, "u-boot.bin", b"second")
    assert take_file(card, "u-boot.bin", tmp_path).read_bytes() == b"second"


def test_what_the_card_does_not_hold_is_named(tmp_path: Path) -> None:
    """A card without the file, and one without partitions."""
    card = card_with(tmp_path, "other", b"")
    with pytest.raises(ToolError, match=r"u-boot\.bin"):
        take_file(card, "u-boot.bin", tmp_path)
    card.write_bytes(bytes(MIB))
    with pytest.raises(ImageError, match="has no partition table"):
        take_file(card, "u-boot.bin", tmp_path)
