# SPDX-License-Identifier: Apache-2.0
"""What an ext2, ext3 or ext4 file system leaves free, by its block bitmaps.

Whatever is not understood to the last bit, unclean, or does not add up makes all of it used: an
unknown feature, a journal to be replayed, a free count that is not the bitmap's, a bitmap that
calls metadata free. Block numbers here are those of the file system.
"""

import heapq
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from flasher.map.mapping import GAP_BYTES
from flasher.map.superblock import SUPER_AT, SUPER_BYTES, Layout
from flasher.map.survey import FreeList, Survey, UnsureError
from flasher.ranges import Range, intersect, merge, subtract

_MAGIC_AT, _MAGIC = 56, b"\x53\xef"
_BLOCK_UNINIT = 0x2
_DESCRIPTORS, _BITMAP = 0, 1
_FREE_RUN = re.compile("0+")


def is_ext(boot: bytes) -> bool:
    """Tell whether a partition that begins with `boot` claims to hold one."""
    return boot[SUPER_AT + _MAGIC_AT :][:2] == _MAGIC


def survey_ext(boot: bytes, size_bytes: int) -> Survey:
    """Find what the file system leaves free in a partition of `size_bytes`.

    Raises:
        UnsureError: when it is not one that is known and clean.
    """
    layout = Layout.parse(boot[SUPER_AT : SUPER_AT + SUPER_BYTES])
    if layout.blocks * layout.block_bytes > size_bytes:
        raise UnsureError("it is larger than its partition")
    groups = _Groups(layout)
    position = SUPER_AT + SUPER_BYTES
    while (item := groups.next()) is not None:
        block, kind, index = item
        if block * layout.block_bytes < position:
            if kind == _DESCRIPTORS:
                raise UnsureError("its descriptors are in no order")
            groups.pass_over(index)
            continue
        position = (block + 1) * layout.block_bytes
        raw = yield Range(block * layout.block_bytes, position)
        if kind == _DESCRIPTORS:
            groups.add_descriptors(index, raw)
        else:
            groups.add_bitmap(index, raw)
    return groups.free()


@dataclass(slots=True)
class _Groups:
    """The block groups, learnt from descriptors and bitmaps in the order of their place."""

    layout: Layout
    _waiting: list[tuple[int, int, int]] = field(default_factory=list)
    _free_clusters: list[int] = field(default_factory=list)
    _counted: int = 0
    _metadata: list[Range] = field(default_factory=list)
    _free: list[Range] = field(default_factory=list)
    _uninit: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        layout = self.layout
        self._waiting = [
            (layout.descriptors_at(index), _DESCRIPTORS, index)
            for index in range(layout.descriptor_blocks)
        ]
        heapq.heapify(self._waiting)
        self._free_clusters = [0] * layout.groups
        self._metadata = [layout.opening(group) for group in range(layout.groups)]

    def next(self) -> tuple[int, int, int] | None:
        """Return the nearest block to read, what it is, and its number among these."""
        return heapq.heappop(self._waiting) if self._waiting else None

    def add_descriptors(self, index: int, raw: bytes) -> None:
        """Take a block of group descriptors."""
        first = index * self.layout.block_descriptors
        last = min(first + self.layout.block_descriptors, self.layout.groups)
        for group in range(first, last):
            at = (group - first) * self.layout.descriptor_bytes
            self._add_group(group, raw[at : at + self.layout.descriptor_bytes])

    def pass_over(self, group: int) -> None:
        """Count a group as used whose bitmap lies before its descriptor."""
        self._counted += self._free_clusters[group]

    def add_bitmap(self, group: int, raw: bytes) -> None:
        """Take the bitmap of a group; it must have as many free clusters as was said.

        Raises:
            UnsureError: when it has not.
        """
        clusters = self._clusters(group)
        bits = format(int.from_bytes(raw, "little"), f"0{8 * len(raw)}b")[::-1][:clusters]
        if bits.count("0") != self._free_clusters[group]:
            raise UnsureError(f"group {group} has another free count than its bitmap")
        self._counted += self._free_clusters[group]
        blocks, ratio = self.layout.group(group), self.layout.cluster_blocks
        worthwhile = GAP_BYTES // (self.layout.block_bytes * ratio)
        for start, end in (run.span() for run in _FREE_RUN.finditer(bits)):
            if end - start > worthwhile or start == 0 or end == clusters:
                first = blocks.start + start * ratio
                self._free.append(Range(first, min(blocks.start + end * ratio, blocks.end)))

    def free(self) -> tuple[Range, ...]:
        """Return the free bytes of the partition.

        Raises:
            UnsureError: when metadata is among them or their count is not the superblock's.
        """
        metadata = merge(self._metadata)
        free = merge(self._free)
        if intersect(free, metadata):
            raise UnsureError("its bitmaps call metadata free")
        free = merge([*free, *self._implied(metadata)])
        if self._counted * self.layout.cluster_blocks != self.layout.free_blocks:
            raise UnsureError("its free count is wrong")
        found = FreeList()
        for one in free:
            found.add(one.start * self.layout.block_bytes, one.end * self.layout.block_bytes)
        return found.ranges()

    def _add_group(self, group: int, raw: bytes) -> None:
        bitmap, inode_bitmap, table, free, flags = _read_descriptor(raw)
        self._free_clusters[group] = free
        for start, count in ((bitmap, 1), (inode_bitmap, 1), (table, self.layout.table_blocks)):
            if not self.layout.first_block <= start <= self.layout.blocks - count:
                raise UnsureError(f"group {group} has its metadata outside the file system")
            self._metadata.append(Range(start, start + count))
        if self.layout.has_uninit and flags & _BLOCK_UNINIT:
            self._uninit.append(group)
        else:
            heapq.heappush(self._waiting, (bitmap, _BITMAP, group))

    def _implied(self, metadata: tuple[Range, ...]) -> Iterator[Range]:
        """Yield what is free in the groups that never had a bitmap written."""
        ratio = self.layout.cluster_blocks
        for group in self._uninit:
            blocks = self.layout.group(group)
            used = merge(
                _whole_clusters(one, blocks, ratio) for one in _overlapping(metadata, blocks)
            )
            clusters = sum(-(-one.size_bytes // ratio) for one in used)
            if self._clusters(group) - clusters != self._free_clusters[group]:
                raise UnsureError(f"group {group} has another free count than its metadata leaves")
            self._counted += self._free_clusters[group]
            yield from subtract([blocks], used)

    def _clusters(self, group: int) -> int:
        return -(-self.layout.group(group).size_bytes // self.layout.cluster_blocks)


def _read_descriptor(raw: bytes) -> tuple[int, int, int, int, int]:
    """Return the places of both bitmaps and the inode table, free clusters, and flags."""

    def number(at: int, size: int, high_at: int) -> int:
        value = int.from_bytes(raw[at : at + size], "little")
        return value | int.from_bytes(raw[high_at : high_at + size], "little") << 8 * size

    flags = int.from_bytes(raw[0x12:0x14], "little")
    return (
        number(0x0, 4, 0x20),
        number(0x4, 4, 0x24),
        number(0x8, 4, 0x28),
        number(0xC, 2, 0x2C),
        flags,
    )


def _overlapping(ranges: tuple[Range, ...], one: Range) -> Iterator[Range]:
    """Yield the parts of sorted `ranges` that lie in `one`."""
    index = max(0, bisect_left(ranges, one.start, key=lambda each: each.start) - 1)
    while index < len(ranges) and ranges[index].start < one.end:
        start, end = max(ranges[index].start, one.start), min(ranges[index].end, one.end)
        if start < end:
            yield Range(start, end)
        index += 1


def _whole_clusters(one: Range, group: Range, ratio: int) -> Range:
    start = group.start + (one.start - group.start) // ratio * ratio
    end = group.start - (group.start - one.end) // ratio * ratio
    return Range(start, min(end, group.end))
