# SPDX-License-Identifier: Apache-2.0
"""What file systems tell about themselves, read from real ones."""

import os
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flasher.device import History, inspect
from flasher.device.history import read_history
from tests.fakes.host import FakeHost

MIB = 1024 * 1024
MADE = datetime(2023, 4, 1, 12, 0, tzinfo=UTC)


def _file(tmp_path: Path, size_bytes: int) -> Path:
    path = tmp_path / "fs.img"
    with path.open("wb") as file:
        file.truncate(size_bytes)
    return path


def _history(path: Path, fs_type: str) -> History:
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_history(fd, fs_type)
    finally:
        os.close(fd)


@pytest.fixture
def ext4(tmp_path: Path) -> Path:
    path = _file(tmp_path, 16 * MIB)
    command = ["mkfs.ext4", "-q", "-M", "/home/eva", str(path)]
    clock = {**os.environ, "E2FSPROGS_FAKE_TIME": str(int(MADE.timestamp()))}
    subprocess.run(command, check=True, env=clock)
    return path


def test_ext4_says_where_and_when(ext4: Path) -> None:
    """The superblock has the last place, and the times of making, mounting and writing."""
    mounted = int(datetime(2040, 1, 2, tzinfo=UTC).timestamp())
    with ext4.open("r+b") as file:
        file.seek(1024 + 0x2C)
        file.write(struct.pack("<I", mounted & 0xFFFFFFFF))
        file.seek(1024 + 0x275)
        file.write(bytes([mounted >> 32]))
    history = _history(ext4, "ext4")
    assert history.last_mounted_at == "/home/eva"
    assert history.made == MADE
    assert history.mounted == datetime(2040, 1, 2, tzinfo=UTC)
    assert history.used_bytes is not None
    assert 0 < history.used_bytes < 16 * MIB


def test_file_system_that_was_never_mounted(ext4: Path) -> None:
    """Zero is no time."""
    assert _history(ext4, "ext4").mounted is None


@pytest.mark.parametrize(("bits", "size_mib"), [("16", 16), ("32", 40)])
def test_fat_says_when_it_was_made(tmp_path: Path, bits: str, size_mib: int) -> None:
    """The label is an entry of the root directory and has a date."""
    path = _file(tmp_path, size_mib * MIB)
    before = datetime.now(UTC).replace(microsecond=0)
    command = ["mkfs.vfat", "-F", bits, "-s", "1", "-n", "CARD", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    history = _history(path, "vfat")
    assert history.made is not None
    assert abs((history.made - before).total_seconds()) < 60
    assert (history.used_bytes is None) == (bits == "16")


def test_fat_says_when_a_file_came(tmp_path: Path) -> None:
    """The newest entry of the root directory is the last known change."""
    path = _file(tmp_path, 16 * MIB)
    subprocess.run(["mkfs.vfat", "-F", "16", path], check=True, capture_output=True)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")
    taken = datetime(2031, 5, 6, 7, 8, 10).astimezone()
    os.utime(photo, (taken.timestamp(), taken.timestamp()))
    subprocess.run(["mcopy", "-m", "-i", path, photo, "::DCIM.JPG"], check=True)
    assert _history(path, "vfat").written == taken


@pytest.mark.parametrize("fs_type", ["ext4", "vfat", "xfs"])
def test_nonsense_has_no_history(tmp_path: Path, fs_type: str) -> None:
    """A damaged or unknown file system is not guessed about."""
    path = _file(tmp_path, MIB)
    assert not _history(path, fs_type)
    path.write_bytes(b"\xff" * 900)
    assert not _history(path, fs_type)
    path.write_bytes(b"\xff" * MIB)
    _history(path, fs_type)


def test_disk_has_the_history_of_what_is_on_it(tmp_path: Path, ext4: Path) -> None:
    """It is part of the facts about a disk, and of an image file."""
    fake = FakeHost(tmp_path / "host")
    assert inspect(ext4, fake.host).volumes[0].history.last_mounted_at == "/home/eva"
