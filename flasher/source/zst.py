# SPDX-License-Identifier: Apache-2.0
"""Walks the frames and blocks of a .zst file without decoding, so that a missing end is found.

frame = magic (4) | descriptor | window | dictionary | content size | blocks | checksum (4)
block = header (3: last, type, size) | data
"""

import os
import struct
from collections.abc import Iterator

_FRAME = 0xFD2FB528
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_WINDOW_BYTES = 1024  # blocks are far apart
_RLE, _RESERVED = 1, 3


def read_zst(fd: int) -> int | None:
    """Return the unpacked size of the .zst file open as `fd`, where its frames tell it.

    Raises:
        EOFError: when it ends within a frame.
        OSError: without a number, when it is damaged.
    """
    walk, total = _Walk(fd), 0
    sizes = list(_walk_frames(walk))
    for size in sizes:
        if size is None:
            return None
        total += size
    return total


class _Walk:
    """A file read forwards, of which most is skipped."""

    def __init__(self, fd: int) -> None:
        self._fd, self._end = fd, os.fstat(fd).st_size
        self._window, self._start = b"", 0
        self.at = 0

    @property
    def left(self) -> int:
        return self._end - self.at

    def take(self, count: int) -> bytes:
        self.need(count)
        if self.at + count > self._start + len(self._window):
            self._start, self._window = self.at, os.pread(self._fd, _WINDOW_BYTES, self.at)
        data = self._window[self.at - self._start : self.at - self._start + count]
        self.at += count
        return data

    def skip(self, count: int) -> None:
        self.need(count)
        self.at += count

    def need(self, count: int) -> None:
        if count > self.left:
            raise EOFError("the last frame ends early")


def _walk_frames(walk: _Walk) -> Iterator[int | None]:
    """Yield what each frame unpacks to, or nothing where it does not say."""
    while walk.left:
        (magic,) = struct.unpack("<I", walk.take(4))
        if magic in _SKIPPABLE:
            walk.skip(struct.unpack("<I", walk.take(4))[0])
        elif magic == _FRAME:
            descriptor = walk.take(1)[0]
            yield _read_size(walk, descriptor)
            _skip_blocks(walk)
            walk.skip(4 if descriptor & 0x04 else 0)
        else:
            raise OSError("something else follows its last frame")


def _read_size(walk: _Walk, descriptor: int) -> int | None:
    is_single = bool(descriptor & 0x20)
    walk.skip(0 if is_single else 1)
    walk.skip((0, 1, 2, 4)[descriptor & 0x03])
    width = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    if not width:
        return None
    size = int.from_bytes(walk.take(width), "little")
    return size + 256 if width == 2 else size  # as the format defines it


def _skip_blocks(walk: _Walk) -> None:
    is_last = False
    while not is_last:
        header = int.from_bytes(walk.take(3), "little")
        is_last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == _RESERVED:
            raise OSError("a block of an unknown type")
        walk.skip(1 if kind == _RLE else size)
