# SPDX-License-Identifier: Apache-2.0
"""Disks and what is on them: formats are told by real file systems where there is a tool."""

import shutil
import subprocess
from pathlib import Path

import pytest

from edge.node.control.block import discover_volumes, list_devices, list_swaps
from edge.node.control.superblock import HEAD_BYTES, Content, recognise
from edge.node.disk import open_disk
from tests.fakes.node import write_disk

MIB = 1024 * 1024
UUID = "11111111-2222-3333-4444-555555555555"


def made(path: Path, *command: str, size_bytes: int = 8 * MIB) -> Content | None:
    """Return what is recognised after a tool has made a file system in a file."""
    tool = shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin:/bin")
    assert tool, f"{command[0]} is missing"
    with path.open("wb") as file:
        file.truncate(size_bytes)
    subprocess.run([tool, *command[1:], str(path)], check=True, capture_output=True)
    with path.open("rb") as file:
        return recognise(file)


def test_ext4(tmp_path: Path) -> None:
    """With identity and label."""
    found = made(tmp_path / "a", "mke2fs", "-q", "-t", "ext4", "-U", UUID, "-L", "STATE")
    assert found == Content("ext4", UUID, "STATE")


def test_vfat(tmp_path: Path) -> None:
    """The identity is a serial number."""
    found = made(tmp_path / "a", "mkfs.vfat", "-i", "12ab34cd", "-n", "EFI")
    assert found == Content("vfat", "12AB-34CD", "EFI")


def test_swap(tmp_path: Path) -> None:
    """Swap space has both, too."""
    assert made(tmp_path / "a", "mkswap", "-U", UUID, "-L", "more") == Content("swap", UUID, "more")


def _placed(*parts: tuple[int, bytes]) -> bytes:
    data = bytearray(HEAD_BYTES)
    for offset, content in parts:
        data[offset : offset + len(content)] = content
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "name", "label"),
    [
        (_placed((0, b"XFSB"), (108, b"data")), "xfs", "data"),
        (_placed((0, b"hsqs")), "squashfs", ""),
        (_placed((0, b"LUKS\xba\xbe\0\2"), (24, b"secret")), "luks", "secret"),
        (_placed((32769, b"CD001"), (32808, b"INSTALL   ")), "iso9660", "INSTALL"),
        (_placed((65536 + 64, b"_BHRfS_M"), (65536 + 299, b"pool")), "btrfs", "pool"),
        (_placed((1024 + 56, b"\x53\xef")), "ext2", ""),
    ],
)
def test_other_formats(tmp_path: Path, data: bytes, name: str, label: str) -> None:
    """By their magic numbers."""
    (tmp_path / "a").write_bytes(data)
    with (tmp_path / "a").open("rb") as file:
        found = recognise(file)
    assert found
    assert (found.name, found.label) == (name, label)


def test_nothing_is_recognised_in_nothing(tmp_path: Path) -> None:
    """Nor in a medium smaller than what would be read."""
    (tmp_path / "a").write_bytes(bytes(100))
    with (tmp_path / "a").open("rb") as file:
        assert recognise(file) is None


def test_volumes_and_devices_of_a_disk(tmp_path: Path) -> None:
    """The disk with its table, its partitions with their labels; META is known by its magic."""
    write_disk(tmp_path / "disk.img", {12: b"value"})
    disk = open_disk(tmp_path / "disk.img")
    assert disk
    volumes = discover_volumes(disk)
    assert volumes["disk.img"]["name"] == "gpt"
    labels = {each["partition_label"]: each for each in volumes.values() if "parent" in each}
    assert list(labels) == ["EFI", "BOOT", "META"]
    assert labels["META"]["name"] == "talosmeta"
    devices = list_devices([disk])
    assert devices["disk.img3"]["partitionName"] == "META"
    assert devices["disk.img3"]["parent"] == "disk.img"


def test_swaps_of_the_kernel() -> None:
    """Sizes are in KiB there."""
    swaps = list_swaps("Filename Type Size Used Priority\n/dev/zram0 partition 1024 512 -2\n")
    assert swaps["zram0"]["size"] == MIB
    assert (swaps["zram0"]["usedHuman"], swaps["zram0"]["priority"]) == ("512.0 KiB", -2)
