# SPDX-License-Identifier: Apache-2.0
"""Turns a qcow2 disk image into a raw one with qemu-img.

qemu-img reads what lies behind the end of a cut file as zeros, so the tables are walked first:
every cluster that they name must be there.

    header -> L1 table -> L2 tables -> clusters, all big-endian
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ImageError
from flasher.source.fault import AGAIN, WrongImageError, explained
from flasher.source.store import keep
from flasher.tool import run_tool

_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
_FEATURES_AT, _EXTERNAL_DATA, _CORRUPT = 72, 0x4, 0x2
_OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED = 1 << 62
_SECTOR = 512
_WHOLE = "make it whole: qemu-img convert -O qcow2 OLD NEW"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    cluster_bits: int
    l1_entries: int
    l1_at: int
    refcounts_at: int
    refcount_clusters: int


def convert_qcow2(path: Path, key: str) -> Path:
    """Return a raw image of what the qcow2 file `path` holds, kept in the cache under `key`.

    Raises:
        ImageError: when it is damaged, or is not all of a disk.
        ToolError: when qemu-img is not installed or fails.
    """
    with explained(path), path.open("rb") as file:
        _check(path, file.fileno())
    return keep(key, lambda place: _convert(path, place))


def _convert(path: Path, place: Path) -> None:
    # Explicit formats: nothing in the file may choose another driver or another file.
    run_tool("qemu-img", "check", "-q", "-f", "qcow2", path)
    run_tool("qemu-img", "convert", "-q", "-f", "qcow2", "-O", "raw", "-S", "4k", path, place)


def _check(path: Path, fd: int) -> None:
    header = _read_header(path, fd)
    end = _refcounts_end(header)
    for table_at in _table(fd, header.l1_at, header.l1_entries):
        if table_at & _OFFSET_MASK:
            end = max(end, _clusters_end(fd, header, table_at & _OFFSET_MASK))
    if os.fstat(fd).st_size < end:
        raise EOFError("clusters are missing")


def _read_header(path: Path, fd: int) -> _Header:
    data = os.pread(fd, _HEADER.size, 0)
    if len(data) < _HEADER.size:
        raise EOFError("the header is missing")
    numbers = _HEADER.unpack(data)
    version, backing_at, _, cluster_bits, _, encryption = numbers[1:7]
    l1_entries, l1_at, refcounts_at, refcount_clusters, _, _ = numbers[7:]
    features = 0
    if version >= 3:
        (features,) = struct.unpack(">Q", os.pread(fd, 8, _FEATURES_AT))
    for is_so, what in (
        (backing_at, "needs a backing file"),
        (features & _EXTERNAL_DATA, "keeps its data in another file"),
    ):
        if is_so:
            raise ImageError(f"{path} {what}, so it is not all of a disk", hint=_WHOLE)
    if encryption:
        raise ImageError(f"{path} is encrypted", hint="decrypt it with qemu-img convert")
    if features & _CORRUPT or not 9 <= cluster_bits <= 21:
        raise WrongImageError(f"{path} is damaged: it says so itself", hint=AGAIN)
    return _Header(
        cluster_bits=cluster_bits,
        l1_entries=l1_entries,
        l1_at=l1_at,
        refcounts_at=refcounts_at,
        refcount_clusters=refcount_clusters,
    )


def _refcounts_end(header: _Header) -> int:
    return header.refcounts_at + (header.refcount_clusters << header.cluster_bits)


def _clusters_end(fd: int, header: _Header, table_at: int) -> int:
    """Return where the last of the clusters that an L2 table names ends."""
    cluster_bytes = 1 << header.cluster_bits
    end = table_at + cluster_bytes
    for entry in _table(fd, table_at, cluster_bytes // 8):
        if entry & _COMPRESSED:
            end = max(end, _compressed_end(entry, header.cluster_bits))
        elif entry & _OFFSET_MASK:
            end = max(end, (entry & _OFFSET_MASK) + cluster_bytes)
    return end


def _compressed_end(entry: int, cluster_bits: int) -> int:
    """Return where the last sector of compressed data ends; qemu fills it up."""
    width = 62 - (cluster_bits - 8)
    offset = entry & (1 << width) - 1
    more_sectors = (entry & _COMPRESSED - 1) >> width
    return offset // _SECTOR * _SECTOR + (more_sectors + 1) * _SECTOR


def _table(fd: int, at: int, entries: int) -> tuple[int, ...]:
    data = os.pread(fd, entries * 8, at)
    if len(data) != entries * 8:
        raise EOFError("a table is missing")
    return struct.unpack(f">{entries}Q", data)
