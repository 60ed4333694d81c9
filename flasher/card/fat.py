# SPDX-License-Identifier: Apache-2.0
"""Which clusters of a FAT file system are in use, from its allocation table.

All integers are little-endian; offsets are into the boot sector.

    11  u16  bytes a sector         19  u16  sectors, if fewer than 65536
    13  u8   sectors a cluster      22  u16  sectors an allocation table (FAT12, FAT16)
    14  u16  sectors in front       32  u32  sectors
    16  u8   allocation tables      36  u32  sectors an allocation table (FAT32)
    17  u16  entries of the root    510      0x55 0xaa
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from flasher.ranges import Range, merge

_ENTRY_BYTES = 32
_FAT12_CLUSTERS, _FAT16_CLUSTERS = 4085, 65525
_CLUSTER_MASK = 0x0FFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class FatShape:
    """Where the parts of a FAT file system lie, in bytes from its start."""

    table_at: int
    table_bytes: int
    data_at: int
    cluster_bytes: int
    clusters: int

    def cluster(self, number: int) -> Range:
        """Return where cluster `number` (from 2) lies."""
        start = self.data_at + (number - 2) * self.cluster_bytes
        return Range(start, start + self.cluster_bytes)


def read_shape(boot_sector: bytes) -> FatShape | None:
    """Return the shape of the file system that `boot_sector` begins, or None if it is no FAT."""
    if len(boot_sector) < 512 or boot_sector[510:512] != b"\x55\xaa":
        return None
    sector, per_cluster, reserved, tables, roots, small, _, short = struct.unpack_from(
        "<HBHBHHBH", boot_sector, 11
    )
    large, long = struct.unpack_from("<II", boot_sector, 32)
    powers = sector in (512, 1024, 2048, 4096) and per_cluster and not per_cluster & per_cluster - 1
    if not powers or not reserved or tables not in (1, 2) or not (short or long):
        return None
    table_sectors = short or long
    root_sectors = -(-roots * _ENTRY_BYTES // sector)
    data_sector = reserved + tables * table_sectors + root_sectors
    clusters = ((small or large) - data_sector) // per_cluster
    if clusters <= 0:
        return None
    return FatShape(
        table_at=reserved * sector,
        table_bytes=table_sectors * sector,
        data_at=data_sector * sector,
        cluster_bytes=per_cluster * sector,
        clusters=clusters,
    )


def read_used(file: BinaryIO) -> tuple[Range, ...]:
    """Return the clusters that the FAT file system in `file` has given away."""
    file.seek(0)
    shape = read_shape(file.read(512))
    if shape is None:
        return ()
    file.seek(shape.table_at)
    table = file.read(shape.table_bytes)
    numbers = (number for number, entry in enumerate(_entries(table, shape)) if entry)
    return merge(shape.cluster(number) for number in numbers if number >= 2)


def _entries(table: bytes, shape: FatShape) -> list[int]:
    count = shape.clusters + 2
    if shape.clusters < _FAT12_CLUSTERS:
        return [_entry12(table, number) for number in range(min(count, len(table) * 2 // 3))]
    if shape.clusters < _FAT16_CLUSTERS:
        return list(struct.unpack_from(f"<{min(count, len(table) // 2)}H", table))
    entries = struct.unpack_from(f"<{min(count, len(table) // 4)}I", table)
    return [entry & _CLUSTER_MASK for entry in entries]


def _entry12(table: bytes, number: int) -> int:
    at = number * 3 // 2
    pair = int.from_bytes(table[at : at + 2], "little")
    return pair >> 4 if number % 2 else pair & 0xFFF
