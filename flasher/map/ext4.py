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
from flasher.map.survey import FreeList, Survey, UnsureError
from flasher.ranges import Range, intersect, merge, subtract

SUPER_AT, SUPER_BYTES = 1024, 1024

_MAGIC_AT, _MAGIC = 56, b"\x53\xef"
_CLEAN = 1

_SPARSE_SUPER2 = 0x200
# Of each kind, what changes nothing about who owns a block:
# dir_prealloc, imagic_inodes, has_journal, ext_attr, resize_inode, dir_index, fast_commit,
# stable_inodes, orphan_file
_KNOWN_COMPATIBLE = 0x1C3F | _SPARSE_SUPER2
_META_BG, _64BIT = 0x10, 0x80
# filetype, extent, mmp, flex_bg, ea_inode, csum_seed, large_dir, inline_data, encrypt, casefold
_KNOWN_INCOMPATIBLE = 0x3E742 | _META_BG | _64BIT
_SPARSE_SUPER, _GDT_CSUM, _BIGALLOC, _METADATA_CSUM = 0x1, 0x10, 0x200, 0x400
# large_file, btree_dir, huge_file, dir_nlink, extra_isize, quota, read-only, project, verity
_KNOWN_READ_ONLY = 0xB16E | _SPARSE_SUPER | _GDT_CSUM | _BIGALLOC | _METADATA_CSUM
_BLOCK_UNINIT = 0x2
_LARGEST_LOG_BLOCK = 2  # 4 KiB; larger ones exist only on hosts with larger pages
_MOST_GROUPS = 1 << 18  # 2 TiB in blocks of 1 KiB
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
    layout = _Layout.parse(boot[SUPER_AT : SUPER_AT + SUPER_BYTES])
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What the superblock says about where things are."""

    block_bytes: int
    cluster_blocks: int
    blocks: int
    free_blocks: int
    first_block: int
    group_blocks: int
    group_clusters: int
    table_blocks: int
    descriptor_bytes: int
    reserved_blocks: int
    first_meta_group: int
    backups: tuple[int, int] | None
    is_sparse: bool
    has_uninit: bool

    @classmethod
    def parse(cls, raw: bytes) -> "_Layout":
        def u32(at: int) -> int:
            return int.from_bytes(raw[at : at + 4], "little")

        def u16(at: int) -> int:
            return int.from_bytes(raw[at : at + 2], "little")

        compatible, incompatible, read_only = u32(92), u32(96), u32(100)
        _check_features(compatible, incompatible, read_only)
        if u16(58) != _CLEAN or u32(76) > 1:
            raise UnsureError("it was not unmounted cleanly, or is of an unknown revision")
        if u32(24) > _LARGEST_LOG_BLOCK or not u32(24) <= u32(28) <= 20:
            raise UnsureError("its block size is unusual")
        block_bytes = 1024 << u32(24)
        is_wide = bool(incompatible & _64BIT)
        has_clusters = bool(read_only & _BIGALLOC)
        inode_bytes = u16(88) if u32(76) else 128
        layout = cls(
            block_bytes=block_bytes,
            cluster_blocks=1 << u32(28) - u32(24) if has_clusters else 1,
            blocks=u32(4) | (u32(336) << 32 if is_wide else 0),
            free_blocks=u32(12) | (u32(344) << 32 if is_wide else 0),
            first_block=u32(20),
            group_blocks=u32(32),
            group_clusters=u32(36) if has_clusters else u32(32),
            table_blocks=-(-u32(40) * inode_bytes // block_bytes),
            descriptor_bytes=u16(254) if is_wide else 32,
            reserved_blocks=u16(206),
            first_meta_group=u32(260) if incompatible & _META_BG else 1 << 32,
            backups=(u32(588), u32(592)) if compatible & _SPARSE_SUPER2 else None,
            is_sparse=bool(read_only & _SPARSE_SUPER),
            has_uninit=bool(read_only & (_GDT_CSUM | _METADATA_CSUM)),
        )
        layout.check(inodes=u32(0), group_inodes=u32(40))
        return layout

    def check(self, *, inodes: int, group_inodes: int) -> None:
        """Refuse numbers that contradict each other.

        Raises:
            UnsureError: when they do.
        """
        is_sound = (
            self.blocks > self.first_block
            and self.first_block == (1 if self.super_block and self.cluster_blocks == 1 else 0)
            and 0 < self.group_clusters <= 8 * self.block_bytes
            and self.group_clusters % 8 == 0
            and self.group_clusters * self.cluster_blocks == self.group_blocks
            and self.groups <= _MOST_GROUPS
            and 0 < group_inodes <= 8 * self.block_bytes
            and inodes == self.groups * group_inodes
            and self.descriptor_bytes in (32, 64, 128, 256, 512, 1024)
            and self.table_blocks < self.blocks
        )
        if not is_sound:
            raise UnsureError("its superblock contradicts itself")

    @property
    def super_block(self) -> int:
        """The block that the superblock is in."""
        return SUPER_AT // self.block_bytes

    @property
    def groups(self) -> int:
        """How many block groups there are."""
        return -(-(self.blocks - self.first_block) // self.group_blocks)

    @property
    def block_descriptors(self) -> int:
        """How many descriptors a block holds."""
        return self.block_bytes // self.descriptor_bytes

    @property
    def descriptor_blocks(self) -> int:
        """How many blocks the descriptors take."""
        return -(-self.groups // self.block_descriptors)

    def group(self, index: int) -> Range:
        """Return the blocks of a group."""
        start = self.first_block + index * self.group_blocks
        return Range(start, min(start + self.group_blocks, self.blocks))

    def descriptors_at(self, index: int) -> int:
        """Return which block holds the descriptors number `index`."""
        if index < self.first_meta_group:
            return self.super_block + 1 + index
        group = index * self.block_descriptors
        # A group that begins before its superblock's block, as only the first can.
        shift = int(group == 0 and self.super_block > self.first_block)
        return self.group(group).start + int(self.has_super(group)) + shift

    def has_super(self, group: int) -> bool:
        """Tell whether a copy of the superblock opens `group`."""
        if group == 0:
            return True
        if self.backups is not None:
            return group in self.backups
        if not self.is_sparse or group == 1:
            return True
        return any(_is_power(group, base) for base in (3, 5, 7))

    def opening(self, index: int) -> Range:
        """Return the blocks of superblock, descriptors and room for more that open a group."""
        start = self.group(index).start
        if index == 0:
            start = max(start, self.super_block)
        count = int(self.has_super(index))
        meta_group = index // self.block_descriptors
        if meta_group >= self.first_meta_group:
            within = index % self.block_descriptors
            count += within in (0, 1, self.block_descriptors - 1)
        elif count:
            count += min(self.descriptor_blocks, self.first_meta_group) + self.reserved_blocks
        end = min(start + count, self.blocks)
        return Range(min(start, end), end)


@dataclass(slots=True)
class _Groups:
    """The block groups, learnt from descriptors and bitmaps in the order of their place."""

    layout: _Layout
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


def _check_features(compatible: int, incompatible: int, read_only: int) -> None:
    unknown = (
        compatible & ~_KNOWN_COMPATIBLE
        or incompatible & ~_KNOWN_INCOMPATIBLE
        or read_only & ~_KNOWN_READ_ONLY
    )
    if unknown:
        raise UnsureError(f"it has unknown features: {unknown:#x}")


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


def _is_power(value: int, base: int) -> bool:
    while value % base == 0:
        value //= base
    return value == 1
