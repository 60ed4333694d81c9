# SPDX-License-Identifier: Apache-2.0
"""What the superblock of an ext2, ext3 or ext4 file system says about where things are.

Block numbers are those of the file system.
"""

from dataclasses import dataclass

from flasher.map.survey import UnsureError
from flasher.ranges import Range

SUPER_AT, SUPER_BYTES = 1024, 1024

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
_LARGEST_LOG_BLOCK = 2  # 4 KiB; larger ones exist only on hosts with larger pages
_MOST_GROUPS = 1 << 18  # 2 TiB in blocks of 1 KiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
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
    def parse(cls, raw: bytes) -> "Layout":
        """Read the superblock in `raw`.

        Raises:
            UnsureError: when it is unclean, unknown or contradicts itself.
        """

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


def _check_features(compatible: int, incompatible: int, read_only: int) -> None:
    unknown = (
        compatible & ~_KNOWN_COMPATIBLE
        or incompatible & ~_KNOWN_INCOMPATIBLE
        or read_only & ~_KNOWN_READ_ONLY
    )
    if unknown:
        raise UnsureError(f"it has unknown features: {unknown:#x}")


def _is_power(value: int, base: int) -> bool:
    while value % base == 0:
        value //= base
    return value == 1
