# SPDX-License-Identifier: Apache-2.0
"""Archives in the kernel's initramfs format (cpio "newc"), uncompressed."""

import re
from dataclasses import dataclass
from typing import BinaryIO

from edge.errors import ImageError

_HEADER_BYTES = 110
_MAGIC = re.compile(rb"07070[12]")
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: its name, its mode as in `stat`, where its bytes are, the device it stands for."""

    name: str
    mode: int
    start_bytes: int
    size_bytes: int
    device: tuple[int, int]


def read_cpio(file: BinaryIO) -> tuple[Entry, ...]:
    """Return the entries of all archives in `file`, in their order.

    Raises:
        ImageError: when it is no such archive, or is cut off.
    """
    end = file.seek(0, 2)
    entries: list[Entry] = []
    at, closed = 0, False
    while at + _HEADER_BYTES <= end:
        file.seek(at)
        raw = file.read(_HEADER_BYTES)
        if not _MAGIC.match(raw):
            break
        entry, at = _entry(file, raw, at)
        closed = entry.name == _TRAILER
        if closed:
            at = _skip_zeros(file, at, end)
        else:
            entries.append(entry)
        if at > end:
            raise ImageError(f"the initramfs is cut off in {entry.name}")
    if not closed or at < end:
        raise ImageError("the initramfs is no complete, uncompressed cpio archive")
    return tuple(entries)


def _entry(file: BinaryIO, raw: bytes, at: int) -> tuple[Entry, int]:
    fields = [int(raw[6 + 8 * index : 14 + 8 * index], 16) for index in range(13)]
    name_bytes, size = fields[11], fields[6]
    name = file.read(name_bytes).rstrip(b"\0").decode(errors="replace")
    start = _pad(at + _HEADER_BYTES + name_bytes)
    entry = Entry(
        name=name,
        mode=fields[1],
        start_bytes=start,
        size_bytes=size,
        device=(fields[9], fields[10]),
    )
    return entry, _pad(start + size)


def _skip_zeros(file: BinaryIO, at: int, end: int) -> int:
    """Return where the next archive begins: they are padded with zeros."""
    while at < end:
        file.seek(at)
        chunk = file.read(4096)
        rest = chunk.lstrip(b"\0")
        if rest:
            return at + len(chunk) - len(rest)
        at += len(chunk)
    return at


def _pad(size: int) -> int:
    return (size + 3) // 4 * 4
