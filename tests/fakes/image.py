# SPDX-License-Identifier: Apache-2.0
"""Small disk images with the partitions of a node, filled with recognisable bytes."""

import random
from pathlib import Path
from typing import Literal

from flasher.table import Table, add_partition, stable_guid, write_table
from flasher.table.gpt import LINUX_DATA
from flasher.table.mbr import FAT32_LBA, LINUX, NON_FILESYSTEM

MIB = 1024 * 1024
GPT_PARTS = (("EFI", 4, LINUX_DATA), ("BOOT", 9, LINUX_DATA), ("META", 1, LINUX_DATA))
MBR_PARTS = (("", 4, FAT32_LBA), ("", 9, LINUX), ("", 1, NON_FILESYSTEM))


def make_image(
    path: Path, *, kind: Literal["gpt", "mbr"] = "gpt", size_mib: int = 16, seed: int = 1
) -> Path:
    """Write an image of `size_mib` with data in the first partitions and holes between."""
    table = Table(
        kind=kind,
        disk_id=stable_guid("test") if kind == "gpt" else "ed6ec1d5",
        size_bytes=size_mib * MIB,
    )
    for label, size, sort in GPT_PARTS if kind == "gpt" else MBR_PARTS:
        table = add_partition(table, type=sort, size_bytes=size * MIB, label=label)
    noise = random.Random(seed)
    with path.open("w+b") as file:
        file.truncate(size_mib * MIB)
        for start, size in ((1, 2), (5, 1), (8, 5)):
            file.seek(start * MIB)
            file.write(noise.randbytes(size * MIB - 1000))
        write_table(file, table)
    return path
