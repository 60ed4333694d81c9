# SPDX-License-Identifier: Apache-2.0
"""Small disk images with a FAT boot partition that has files, holes and old bytes in it."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from flasher.ranges import Range, subtract
from flasher.source import Image, scan_image
from flasher.table import Table, add_partition, stable_guid, write_table
from flasher.table.gpt import LINUX_DATA
from flasher.table.mbr import FAT32_LBA, LINUX, NON_FILESYSTEM

MIB = 1024 * 1024
EFI = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BOOT_MIB = 40
Kind = Literal["gpt", "mbr"]
MakeImage = Callable[..., Image]


def make_boot(path: Path, *, bits: int = 32, size_mib: int = BOOT_MIB) -> None:
    """Make a FAT file system with a file, a folder, and noise in a part that is free."""
    with path.open("wb") as file:
        file.truncate(size_mib * MIB)
    _run("mkfs.vfat", "-F", str(bits), *(("-s", "1") if bits == 32 else ()), "--invariant", path)
    old = path.with_suffix(".txt")
    old.write_bytes(b"arm_64bit=1\n" * 500)
    _run("mcopy", "-i", path, old, "::/config.txt")
    _run("mmd", "-i", path, "::/overlays")


def _run(*command: str | Path) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MTOOLSRC": "/dev/null"}
    subprocess.run(command, check=True, capture_output=True, env=environment)


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """What writes an image; `free` says what its map calls unread, within the boot partition."""

    def make(
        kind: Kind = "gpt", *, bits: int = 32, free: Range | None = None, has_meta: bool = True
    ) -> Image:
        path, boot = tmp_path / "disk.img", tmp_path / "boot.img"
        make_boot(boot, bits=bits)
        table = _table(kind, has_meta=has_meta)
        with path.open("w+b") as file:
            file.truncate(table.size_bytes)
            file.seek(table.partitions[0].start_bytes)
            file.write(boot.read_bytes())
            write_table(file, table)
        image = replace(scan_image(path), unread=())
        if free is None:
            return image
        start = table.partitions[0].start_bytes
        unread = Range(start + free.start, start + free.end)
        return replace(image, unread=(unread,), data=subtract(image.data, [unread]))

    return make


def _table(kind: Kind, *, has_meta: bool) -> Table:
    disk = stable_guid("card") if kind == "gpt" else "ed6ec1d5"
    table = Table(kind=kind, disk_id=disk, size_bytes=(BOOT_MIB + 8) * MIB)
    gpt = kind == "gpt"
    parts = [
        ("EFI", BOOT_MIB, EFI if gpt else FAT32_LBA),
        ("BOOT", 2, LINUX_DATA if gpt else LINUX),
    ]
    if has_meta:
        parts.append(("META", 1, LINUX_DATA if gpt else NON_FILESYSTEM))
    for label, size, sort in parts:
        table = add_partition(table, type=sort, size_bytes=size * MIB, label=label if gpt else "")
    return table
