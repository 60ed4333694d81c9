# SPDX-License-Identifier: Apache-2.0
"""Small disk images with a real FAT boot partition, most of it free, as other images have it."""

import subprocess
from pathlib import Path
from typing import Literal

from flasher.table import Table, add_partition, stable_guid, write_table
from flasher.table.gpt import LINUX_DATA
from flasher.table.mbr import FAT32_LBA, LINUX, NON_FILESYSTEM

MIB = 1024 * 1024
BOOT_MIB = 40
BOOT_AT = MIB
META_AT = (1 + BOOT_MIB + 2) * MIB
Kind = Literal["gpt", "mbr"]

_EFI = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"


def make_boot_image(
    path: Path, kind: Kind = "gpt", *, bits: int = 32, has_meta: bool = True
) -> Path:
    """Write an image with boot partition, BOOT and, unless told otherwise, META."""
    boot = path.with_suffix(".boot")
    _make_boot(boot, bits)
    table = _table(kind, has_meta=has_meta)
    with path.open("w+b") as file:
        file.truncate(table.size_bytes)
        file.seek(BOOT_AT)
        file.write(boot.read_bytes())
        write_table(file, table)
    return path


def _make_boot(path: Path, bits: int) -> None:
    """Make a FAT file system with a file and a folder."""
    with path.open("wb") as file:
        file.truncate(BOOT_MIB * MIB)
    _run("mkfs.vfat", "-F", str(bits), *(("-s", "1") if bits == 32 else ()), "--invariant", path)
    old = path.with_suffix(".txt")
    old.write_bytes(b"arm_64bit=1\n" * 500)
    _run("mcopy", "-i", path, old, "::/config.txt")
    _run("mmd", "-i", path, "::/overlays")


def read_boot_file(boot: Path, name: str, *, at: int = 0) -> bytes:
    """Return a file of the FAT file system that begins `at` bytes into `boot`."""
    back = boot.with_suffix(".back")
    _run("mcopy", "-n", "-o", "-i", f"{boot}@@{at}", f"::/{name}", back)
    return back.read_bytes()


def check_boot(boot: Path) -> str:
    """Return what the checker says against a FAT file system; nothing when it is sound."""
    done = subprocess.run(
        ["/usr/sbin/fsck.fat", "-n", boot], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout


def _run(*command: str | Path) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MTOOLSRC": "/dev/null"}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def _table(kind: Kind, *, has_meta: bool) -> Table:
    disk = stable_guid("card") if kind == "gpt" else "ed6ec1d5"
    table = Table(kind=kind, disk_id=disk, size_bytes=(BOOT_MIB + 8) * MIB)
    gpt = kind == "gpt"
    parts = [
        ("EFI", BOOT_MIB, _EFI if gpt else FAT32_LBA),
        ("BOOT", 2, LINUX_DATA if gpt else LINUX),
    ]
    if has_meta:
        parts.append(("META", 1, LINUX_DATA if gpt else NON_FILESYSTEM))
    for label, size, sort in parts:
        table = add_partition(table, type=sort, size_bytes=size * MIB, label=label if gpt else "")
    return table
