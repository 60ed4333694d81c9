# SPDX-License-Identifier: Apache-2.0
"""What file systems say about themselves: where and when they were used last, and how full.

Read from superblocks and the first cluster of a FAT root directory; a glance, not a search.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from flasher.device.facts import History

_SUPERBLOCK_AT, _SUPERBLOCK_BYTES = 1024, 1024
_ROOT_BYTES = 32 * 1024
_ENTRY_BYTES = 32
_LONG_NAME, _LABEL, _DELETED = 0x0F, 0x08, 0xE5
_END_OF_TIME = 253_402_300_800  # the year 10000
_UNKNOWN_COUNT = 0xFFFFFFFF


def read_history(fd: int, fs_type: str, offset: int = 0) -> History:
    """Return what the file system at `offset` of `fd` says; times without a zone are local."""
    if fs_type in ("ext2", "ext3", "ext4"):
        return _read_ext(os.pread(fd, _SUPERBLOCK_BYTES, offset + _SUPERBLOCK_AT))
    return _read_fat(fd, offset) if fs_type == "vfat" else History()


def _read_ext(block: bytes) -> History:
    if len(block) < _SUPERBLOCK_BYTES or block[0x38:0x3A] != b"\x53\xef":
        return History()
    mounted, written = struct.unpack_from("<II", block, 0x2C)
    (made,) = struct.unpack_from("<I", block, 0x108)
    written_high, mounted_high, made_high = block[0x274], block[0x275], block[0x276]
    place = block[0x88:0xC8].split(b"\0")[0].decode(errors="replace")
    return History(
        last_mounted_at=str(PurePosixPath(place)) if place.startswith("/") else "",
        mounted=_time(mounted, mounted_high),
        written=_time(written, written_high),
        made=_time(made, made_high),
        used_bytes=_ext_used(block),
    )


def _ext_used(block: bytes) -> int:
    blocks, _, free = struct.unpack_from("<III", block, 0x04)
    if struct.unpack_from("<I", block, 0x60)[0] & 0x80:  # 64-bit counts
        blocks |= struct.unpack_from("<I", block, 0x150)[0] << 32
        free |= struct.unpack_from("<I", block, 0x158)[0] << 32
    block_bytes = 1024 << min(struct.unpack_from("<I", block, 0x18)[0], 6)
    return int(max(0, blocks - free) * block_bytes)


def _time(low: int, high: int) -> datetime | None:
    seconds = low | high << 32
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _END_OF_TIME else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fat:
    """Where things are in a FAT file system, in bytes from its start."""

    cluster_bytes: int
    clusters: int
    root_at: int
    root_bytes: int
    info_at: int = 0
    """The sector with the count of free clusters (FAT32 only)."""


def _read_fat(fd: int, offset: int) -> History:
    fat = _fat_geometry(os.pread(fd, 512, offset))
    if fat is None:
        return History()
    root = os.pread(fd, min(fat.root_bytes, _ROOT_BYTES), offset + fat.root_at)
    entries = list(_entries(root))
    labels = [entry for entry in entries if entry[11] & _LABEL]
    changes = [time for entry in entries if entry not in labels and (time := _fat_time(entry))]
    return History(
        made=_fat_time(labels[0]) if labels else None,
        written=max(changes, default=None),
        used_bytes=_fat_used(fd, fat, offset),
    )


def _fat_geometry(boot: bytes) -> _Fat | None:
    if len(boot) < 512:
        return None
    sector, per_cluster, reserved, fats, root_entries = struct.unpack_from("<HBHBH", boot, 11)
    sectors = struct.unpack_from("<H", boot, 19)[0] or struct.unpack_from("<I", boot, 32)[0]
    small = struct.unpack_from("<H", boot, 22)[0]
    if sector not in (512, 1024, 2048, 4096) or not per_cluster:
        return None
    fat_sectors = small or struct.unpack_from("<I", boot, 36)[0]
    root_at = (reserved + fats * fat_sectors) * sector
    root_bytes = root_entries * _ENTRY_BYTES
    cluster = per_cluster * sector
    clusters = max(0, sectors * sector - root_at - root_bytes) // cluster
    if small:
        return _Fat(
            cluster_bytes=cluster, clusters=clusters, root_at=root_at, root_bytes=root_bytes
        )
    first, info = struct.unpack_from("<IH", boot, 44)
    return _Fat(
        cluster_bytes=cluster,
        clusters=clusters,
        root_at=root_at + max(0, first - 2) * cluster,
        root_bytes=cluster,
        info_at=info * sector,
    )


def _entries(root: bytes) -> Iterator[bytes]:
    """Yield the entries of a directory but for deleted ones and pieces of long names."""
    for at in range(0, len(root) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        entry = root[at : at + _ENTRY_BYTES]
        if not entry[0]:
            return
        if entry[0] != _DELETED and entry[11] != _LONG_NAME:
            yield entry


def _fat_time(entry: bytes) -> datetime | None:
    """Return when an entry was changed; cameras and boards without a clock say 1980."""
    time, date = struct.unpack_from("<HH", entry, 22)
    if date >> 9 == 0:
        return None
    try:
        local = datetime(  # in local time: FAT knows no zones
            1980 + (date >> 9),
            date >> 5 & 0xF,
            date & 0x1F,
            time >> 11,
            time >> 5 & 0x3F,
            min((time & 0x1F) * 2, 59),
        )
    except ValueError:
        return None
    return local.astimezone()


def _fat_used(fd: int, fat: _Fat, offset: int) -> int | None:
    """Return what a FAT32 says is in use; others would have to be read through."""
    if not fat.info_at:
        return None
    info = os.pread(fd, 512, offset + fat.info_at)
    if len(info) < 512 or info[:4] != b"RRaA" or info[484:488] != b"rrAa":
        return None
    (free,) = struct.unpack_from("<I", info, 488)
    is_known = free != _UNKNOWN_COUNT and free <= fat.clusters
    return (fat.clusters - free) * fat.cluster_bytes if is_known else None
