# SPDX-License-Identifier: Apache-2.0
"""Reads the index of an .xz file, which tells its unpacked size and whether its end is there.

    stream = header (12) | blocks | index | footer (12)      file = stream | padding | stream ...

The footer holds the index's size, so a file is walked backwards from its end, decoding nothing.
"""

import lzma
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER_BYTES = 12
_MAGIC, _TAIL_MAGIC = b"\xfd7zXZ\0", b"YZ"
_PADDING_BYTES = 64 * 1024
_INDEX_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class XzFacts:
    """What the index of a whole .xz file says."""

    size_bytes: int
    """When unpacked."""
    blocks: int
    """More than one can be decoded side by side."""


def read_xz(fd: int) -> XzFacts:
    """Return the facts of the .xz file open as `fd`.

    Raises:
        EOFError: when the end of its last stream is not there.
        lzma.LZMAError: when its index is damaged.
    """
    end, size_bytes, blocks = os.fstat(fd).st_size, 0, 0
    while end > 0:
        end = _skip_padding(fd, end)
        stream_bytes, sizes = _read_stream(fd, end)
        size_bytes, blocks = size_bytes + sum(sizes), blocks + len(sizes)
        end -= stream_bytes
    return XzFacts(size_bytes=size_bytes, blocks=blocks)


def _skip_padding(fd: int, end: int) -> int:
    """Return where the last stream before `end` ends."""
    start = end
    while start > 0:
        chunk = os.pread(fd, min(_PADDING_BYTES, start), max(0, start - _PADDING_BYTES))
        rest = len(chunk.rstrip(b"\0"))
        start -= len(chunk) - rest
        if rest:
            break
    # A footer may itself end in no zero byte: its last two are "YZ".
    if (end - start) % 4:
        raise EOFError("the end of the last stream is not there")
    return start


def _read_stream(fd: int, end: int) -> tuple[int, list[int]]:
    """Return the size of the stream that ends at `end`, and of each of its blocks unpacked."""
    footer = os.pread(fd, _HEADER_BYTES, max(0, end - _HEADER_BYTES))
    if len(footer) != _HEADER_BYTES or footer[10:] != _TAIL_MAGIC:
        raise EOFError("the end of the last stream is not there")
    if zlib.crc32(footer[4:10]) != int.from_bytes(footer[:4], "little"):
        raise lzma.LZMAError("the footer of a stream is corrupt")
    index_bytes = (int.from_bytes(footer[4:8], "little") + 1) * 4
    packed, sizes = _read_index(fd, end - _HEADER_BYTES - index_bytes, index_bytes)
    stream_bytes = packed + index_bytes + 2 * _HEADER_BYTES
    start = end - stream_bytes
    header = os.pread(fd, _HEADER_BYTES, start) if start >= 0 else b""
    if header[:6] != _MAGIC or header[6:8] != footer[8:10]:
        raise lzma.LZMAError("a stream does not begin where its index says")
    return stream_bytes, sizes


def _read_index(fd: int, at: int, size_bytes: int) -> tuple[int, list[int]]:
    """Return how many bytes all blocks take, and what each unpacks to."""
    if at < _HEADER_BYTES or size_bytes > _INDEX_LIMIT_BYTES:
        raise lzma.LZMAError("the index of a stream is too large")
    index = os.pread(fd, size_bytes, at)
    if zlib.crc32(index[:-4]) != int.from_bytes(index[-4:], "little") or index[:1] != b"\0":
        raise lzma.LZMAError("the index of a stream is corrupt")
    numbers = _numbers(index[1:-4])
    count = next(numbers, 0)
    packed, sizes = 0, []
    for _ in range(count):
        packed += -(-next(numbers, 0) // 4) * 4
        sizes.append(next(numbers, 0))
    return packed, sizes


def _numbers(data: bytes) -> Iterator[int]:
    """Yield numbers of seven bits a byte, the lowest first; the top bit says that more follow."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield value
            value = shift = 0
