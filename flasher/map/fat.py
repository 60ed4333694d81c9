# SPDX-License-Identifier: Apache-2.0
"""What a FAT12, FAT16 or FAT32 file system leaves free, by its allocation table.

Everything in front of the clusters (boot sectors, tables, a fixed root directory) is used. The
copies of the table must agree and the volume must be marked clean, else all of it is used.
"""

import hashlib
import re
import sys
from array import array
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from edge.units import KIB, MIB
from flasher.map.survey import FreeList, Survey, UnsureError
from flasher.ranges import Range

_SIGNATURE_AT, _SIGNATURE = 510, b"\x55\xaa"
_SECTOR_SIZES = (512, 1024, 2048, 4096)
_MOST_FAT12, _MOST_FAT16, _MOST_FAT32 = 4084, 65524, 0x0FFFFFF5
_NOT_MIRRORED = 0x80
_DIRTY_STATE = 1
# Entry 1 has one bit for a clean unmount and one for no errors.
_CLEAN_BITS = {12: 0, 16: 0xC000, 32: 0x0C000000}
_MOST_SPARE_BYTES = MIB  # tables are made as large as they must be, but for alignment
_PIECE_BYTES = 64 * KIB
_FREE_RUN = re.compile(rb"\0+")


def is_fat(boot: bytes) -> bool:
    """Tell whether a partition that begins with `boot` claims to hold one."""
    return (
        boot[_SIGNATURE_AT:][:2] == _SIGNATURE
        and boot[0] in (0xEB, 0xE9)
        and int.from_bytes(boot[11:13], "little") in _SECTOR_SIZES
        and boot[13].bit_count() == 1
        and boot[16] in (1, 2)
        and boot[21] >= 0xF0
    )


def survey_fat(boot: bytes, size_bytes: int) -> Survey:
    """Find what the file system leaves free in a partition of `size_bytes`.

    Raises:
        UnsureError: when it is not one that is known and clean.
    """
    volume = _Volume.parse(boot)
    if volume.end > size_bytes:
        raise UnsureError("it is larger than its partition")
    found, digests, cluster = FreeList(), [], 0
    for copy in range(volume.tables):
        digest = hashlib.sha256()
        for piece in _pieces(volume.table(copy), whole=volume.bits == 12):
            raw = yield from _read(boot, piece)
            digest.update(raw)
            if copy == 0:
                cluster = volume.note_free(found, cluster, raw)
        digests.append(digest.digest())
    if len(set(digests)) > 1:
        raise UnsureError("the copies of its table differ")
    return found.ranges()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Volume:
    """What the boot sector says about where things are."""

    bits: int
    media: int
    tables: int
    tables_at: int
    table_bytes: int
    clusters: int
    clusters_at: int
    cluster_bytes: int
    end: int

    @classmethod
    def parse(cls, boot: bytes) -> "_Volume":
        def number(at: int, size: int) -> int:
            return int.from_bytes(boot[at : at + size], "little")

        sector, short_table = number(11, 2), number(22, 2)
        is_32 = short_table == 0
        table = number(36, 4) if is_32 else short_table
        if boot[65 if is_32 else 37] & _DIRTY_STATE or (is_32 and number(40, 2) & _NOT_MIRRORED):
            raise UnsureError("it was not unmounted cleanly, or its tables differ on purpose")
        root = -(-number(17, 2) * 32 // sector)
        reserved, sectors = number(14, 2), number(19, 2) or number(32, 4)
        first = reserved + boot[16] * table + root
        clusters = (sectors - first) // boot[13]
        bits = 32 if is_32 else 16 if clusters > _MOST_FAT12 else 12
        volume = cls(
            bits=bits,
            media=boot[21],
            tables=boot[16],
            tables_at=reserved * sector,
            table_bytes=table * sector,
            clusters=clusters,
            clusters_at=first * sector,
            cluster_bytes=boot[13] * sector,
            end=sectors * sector,
        )
        volume.check(root_entries=number(17, 2))
        return volume

    def check(self, *, root_entries: int) -> None:
        """Refuse numbers that contradict each other.

        Raises:
            UnsureError: when they do.
        """
        most = {12: _MOST_FAT12, 16: _MOST_FAT16, 32: _MOST_FAT32}[self.bits]
        is_sound = (
            0 < self.clusters <= most
            and self.tables_at
            and (root_entries == 0) == (self.bits == 32)
            and 0 <= self.table_bytes - (self.clusters + 2) * self.bits // 8 <= _MOST_SPARE_BYTES
        )
        if not is_sound:
            raise UnsureError("its boot sector contradicts itself")

    def table(self, copy: int) -> Range:
        """Return where a copy of the allocation table lies."""
        start = self.tables_at + copy * self.table_bytes
        return Range(start, start + self.table_bytes)

    def note_free(self, found: FreeList, first: int, raw: bytes) -> int:
        """Add what the entries in `raw` leave free; return the number of the next entry.

        Raises:
            UnsureError: when the first two entries say that the volume is not clean.
        """
        entries = _entries(raw, self.bits)
        if first == 0:
            self._check_marks(entries)
        used = bytearray(map(bool, entries[: max(0, self.clusters + 2 - first)]))
        if first == 0:
            used[:2] = b"\1\1"  # no clusters stand behind them
        for run in _FREE_RUN.finditer(used):
            start, end = (self._cluster_at(first + index) for index in run.span())
            found.add(start, end)
        return first + len(entries)

    def _check_marks(self, entries: "array[int] | list[int]") -> None:
        clean = _CLEAN_BITS[self.bits]
        if entries[0] & 0xFF != self.media or entries[1] & clean != clean:
            raise UnsureError("its table is marked as not clean")

    def _cluster_at(self, number: int) -> int:
        return self.clusters_at + (number - 2) * self.cluster_bytes


def _entries(raw: bytes, bits: int) -> "array[int] | list[int]":
    """Return the entries; what is only set in a reserved bit counts as used, too."""
    if bits == 12:
        return list(_entries_12(raw))
    entries = array("H" if bits == 16 else "I", raw)
    if sys.byteorder == "big":
        entries.byteswap()
    return entries


def _entries_12(raw: bytes) -> Iterator[int]:
    for at in range(0, len(raw) - 2, 3):
        three = int.from_bytes(raw[at : at + 3], "little")
        yield three & 0xFFF
        yield three >> 12


def _pieces(table: Range, *, whole: bool) -> Iterator[Range]:
    """Yield the parts to read it in: entries of 12 bits would be cut by most."""
    step = table.size_bytes if whole else _PIECE_BYTES
    for start in range(table.start, table.end, step):
        yield Range(start, min(start + step, table.end))


def _read(boot: bytes, at: Range) -> Generator[Range, bytes, bytes]:
    """Get the bytes at `at`, of which the boot sectors may be some."""
    known = boot[at.start : at.end]
    if len(known) == at.size_bytes:
        return known
    return known + (yield Range(at.start + len(known), at.end))
