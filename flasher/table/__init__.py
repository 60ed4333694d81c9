# SPDX-License-Identifier: Apache-2.0
"""Partition tables (GPT and MBR) read from and written to images and disks.

Standard library only and light to import: the node uses it at first boot.
"""

import os
from typing import BinaryIO

from flasher.table.gpt import read_gpt, write_gpt
from flasher.table.mbr import find_resized, is_protective, read_mbr, write_mbr
from flasher.table.model import (
    ALIGNMENT,
    SECTOR,
    Partition,
    Table,
    add_partition,
    check_table,
    grow_last,
    grow_partition,
    relocate_table,
    stable_guid,
)

__all__ = [
    "ALIGNMENT",
    "SECTOR",
    "Partition",
    "Table",
    "add_partition",
    "check_table",
    "find_resized",
    "grow_last",
    "grow_partition",
    "read_table",
    "relocate_table",
    "stable_guid",
    "write_table",
]


def read_table(file: BinaryIO) -> Table | None:
    """Return the partition table of an image or disk, or nothing when it has none.

    A GPT counts only behind its protective MBR: the backup of an earlier GPT often survives at
    the end of a medium that has since been given an MBR.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    if is_protective(file):
        return read_gpt(file, size_bytes)
    return read_mbr(file, size_bytes)


def write_table(file: BinaryIO, table: Table) -> None:
    """Write `table` (both copies of a GPT) to an image or disk.

    Raises:
        ImageError: when its partitions overlap or do not fit.
    """
    check_table(table)
    if table.kind == "gpt":
        write_gpt(file, table)
    else:
        write_mbr(file, table)
