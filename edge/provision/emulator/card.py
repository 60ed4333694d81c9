# SPDX-License-Identifier: Apache-2.0
"""A disk as the emulator wants it, and files out of its EFI partition."""

import shutil
import subprocess
from pathlib import Path

from edge.errors import ImageError
from flasher.table import read_table
from flasher.tool import run_tool


def fit_card(disk: Path, folder: Path) -> Path:
    """Return `disk`, or a sparse copy with the power of two in bytes that an SD card must have.

    The copy takes what the machine writes; `disk` stays as it is.
    """
    size_bytes = disk.stat().st_size
    wanted_bytes = power_of_two(size_bytes)
    if wanted_bytes == size_bytes:
        return disk
    copy = folder / "card.img"
    if not copy.exists():
        subprocess.run(["cp", "--sparse=always", str(disk), str(copy)], check=True)
        with copy.open("r+b") as file:
            file.truncate(wanted_bytes)
    return copy


def power_of_two(size_bytes: int) -> int:
    """Return the smallest power of two that is not below `size_bytes`.

    >>> power_of_two(3000), power_of_two(4096)
    (4096, 4096)
    """
    return 1 << (size_bytes - 1).bit_length()


def take_file(disk: Path, name: str, folder: Path) -> Path:
    """Copy the file `name` of the disk's EFI partition to `folder`, as a boot ROM would read it.

    Raises:
        ImageError: when the disk has no partitions.
        ToolError: when the partition has no such file.
    """
    with disk.open("rb") as file:
        table = read_table(file)
    if table is None or not table.partitions:
        raise ImageError(f"{disk} has no partition table", hint="flash an image to it first")
    target = folder / Path(name).name
    start = min(each.start_bytes for each in table.partitions)
    run_tool("mcopy", "-n", "-o", "-i", f"{disk}@@{start}", f"::{name}", target)
    return target


def copy_once(source: Path, target: Path) -> Path:
    """Copy what the machine will write to, unless it was copied before."""
    if not target.exists():
        shutil.copyfile(source, target)
    return target
