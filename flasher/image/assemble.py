# SPDX-License-Identifier: Apache-2.0
"""Putting partitions together into one sparse image file."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from edge.errors import ImageError
from edge.units import MIB
from flasher.table import (
    SECTOR,
    Partition,
    Table,
    add_partition,
    relocate_table,
    stable_guid,
    write_table,
)
from flasher.table.gpt import BIOS_BOOT, EFI_SYSTEM, LINUX_DATA, LINUX_RESERVED
from flasher.table.mbr import FAT32_LBA, LINUX, MBR_DISK_ID, NON_FILESYSTEM

META_MIB = 1

_TYPES = {
    "EFI": (EFI_SYSTEM, FAT32_LBA),
    "BIOS": (BIOS_BOOT, NON_FILESYSTEM),
    "BOOT": (LINUX_DATA, LINUX),
    "META": (LINUX_DATA, NON_FILESYSTEM),
    "LOADER": (LINUX_RESERVED, NON_FILESYSTEM),
}
_GPT_TAIL = 33 * SECTOR
_CHUNK = 4 * MIB


@dataclass(frozen=True, slots=True)
class Content:
    """A partition to be: its role, its size and, unless it is all zero, the file that fills it."""

    label: str
    size_mib: int
    file: Path | None = None
    at_sector: int | None = None
    """Where the boot ROM looks for it, in front of the others; it takes all the room there."""


def plan_table(
    kind: Literal["gpt", "mbr"], name: str, contents: Sequence[Content], *, first_mib: int = 1
) -> Table:
    """Return the smallest table that holds `contents`; `name` gives it its identifiers.

    `first_mib` is where the first partition begins that has no place of its own.
    """
    disk_id = stable_guid(name, "disk") if kind == "gpt" else MBR_DISK_ID
    table = Table(kind=kind, disk_id=disk_id, size_bytes=1 << 40)
    for content, start, size in _places(contents, first_mib * MIB):
        gpt_type, mbr_type = _TYPES[content.label]
        table = add_partition(
            table,
            type=gpt_type if kind == "gpt" else mbr_type,
            size_bytes=size,
            label=content.label,
            uuid=stable_guid(name, content.label) if kind == "gpt" else "",
            at_bytes=start,
        )
    end = max(each.end_bytes for each in table.partitions)
    # An MBR leaves the room too: tools that look at it as a GPT then find nothing to mend.
    return relocate_table(table, -(-(end + _GPT_TAIL) // MIB) * MIB)


def write_image(file: BinaryIO, table: Table, contents: Sequence[Content]) -> None:
    """Write the partitions, leaving their holes as holes, and then the table.

    Raises:
        ImageError: when a content is larger than its partition.
    """
    for partition, content in zip(table.partitions, contents, strict=True):
        if content.file is not None and content.file.stat().st_size > partition.size_bytes:
            raise ImageError(
                f"{content.file} has {content.file.stat().st_size} bytes; there is room for"
                f" {partition.size_bytes} in front of the first partition"
            )
    file.truncate(table.size_bytes)
    for partition, content in zip(table.partitions, contents, strict=True):
        if content.file is not None:
            _copy_sparse(content.file, file, partition)
    write_table(file, table)


def _places(contents: Sequence[Content], first: int) -> Iterator[tuple[Content, int, int]]:
    """Yield where each content begins and its size: one behind the other from `first` on."""
    start = first
    for content in contents:
        if content.at_sector is None:
            yield content, start, content.size_mib * MIB
            start += content.size_mib * MIB
        else:
            own = content.at_sector * SECTOR
            yield content, own, first - own


def _copy_sparse(source: Path, target: BinaryIO, partition: Partition) -> None:
    with source.open("rb") as content:
        for start, end in _mapped_ranges(content):
            content.seek(start)
            target.seek(partition.start_bytes + start)
            left = end - start
            while left and (chunk := content.read(min(_CHUNK, left))):
                target.write(chunk)
                left -= len(chunk)


def _mapped_ranges(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield the ranges of `file` that are not holes."""
    size = os.fstat(file.fileno()).st_size
    end = 0
    while end < size:
        try:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
        except OSError:  # nothing but a hole up to the end
            return
        end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, end
