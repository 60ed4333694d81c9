# SPDX-License-Identifier: Apache-2.0
"""File systems and array members are recognised by their own bytes."""

import os
import struct
import subprocess
from pathlib import Path

import pytest

from flasher.device.signature import read_signature, read_table_type
from tests.fakes.image import make_image

MIB = 1024 * 1024


def _look(path: Path) -> tuple[str, str]:
    fd = os.open(path, os.O_RDONLY)
    try:
        found = read_signature(fd, path.stat().st_size)
    finally:
        os.close(fd)
    return (found.fs_type, found.label) if found else ("", "")


def _table(path: Path) -> str:
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_table_type(fd)
    finally:
        os.close(fd)


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(16 * MIB)
    return path


def _poke(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["mkfs.ext4", "-q", "-L", "rootfs"], ("ext4", "rootfs")),
        (["mkfs.ext2", "-q", "-L", "old"], ("ext2", "old")),
        (["mkfs.vfat", "-F", "32", "-n", "BOOT"], ("vfat", "BOOT")),
        (["mkfs.vfat", "-F", "16"], ("vfat", "")),
        (["mkswap", "-L", "spare"], ("swap", "spare")),
    ],
)
def test_made_file_systems_are_recognised(
    blank: Path, command: list[str], expected: tuple[str, str]
) -> None:
    """What the usual tools make is named with its label."""
    subprocess.run([*command, blank], check=True, capture_output=True)
    assert _look(blank) == expected
    assert _table(blank) == ""


@pytest.mark.parametrize(
    ("offset", "magic", "expected"),
    [
        (512, b"LABELONE", "LVM2_member"),
        (4096, b"\xfc\x4e\x2b\xa9", "linux_raid_member"),
        (16 * MIB - 0x10000, b"\xfc\x4e\x2b\xa9", "linux_raid_member"),
        (0, b"LUKS\xba\xbe", "crypto_LUKS"),
        (3, b"-FVE-FS-", "BitLocker"),
        (3, b"NTFS    ", "ntfs"),
        (0x10040, b"_BHRfS_M", "btrfs"),
        (128 * 1024 + 1024, struct.pack("<Q", 0x00BAB10C), "zfs_member"),
        (0, b"hsqs", "squashfs"),
    ],
)
def test_members_and_foreign_systems_are_recognised(
    blank: Path, offset: int, magic: bytes, expected: str
) -> None:
    """What belongs to an array or another system is told by its magic number."""
    _poke(blank, offset, magic)
    assert _look(blank)[0] == expected


def test_blank_disk_is_nothing(blank: Path) -> None:
    """Zeros are no file system and no table."""
    assert (_look(blank), _table(blank)) == (("", ""), "")


@pytest.mark.parametrize("kind", ["gpt", "mbr"])
def test_partition_tables_are_told_apart(tmp_path: Path, kind: str) -> None:
    """A GPT is not taken for the MBR in front of it."""
    path = make_image(tmp_path / "i.img", kind="gpt" if kind == "gpt" else "mbr")
    assert _table(path) == kind


@pytest.mark.parametrize("size", [0, 1, 100, 511, 513])
def test_tiny_files_are_nothing(tmp_path: Path, size: int) -> None:
    """Files too short for any signature are looked at without harm."""
    path = tmp_path / "tiny"
    path.write_bytes(b"x" * size)
    assert (_look(path), _table(path)) == (("", ""), "")
