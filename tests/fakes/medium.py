# SPDX-License-Identifier: Apache-2.0
"""A card in memory that can be made to fail like real ones do."""

import errno
import os
from collections.abc import Callable
from typing import Any

from flasher.write.medium import MediumGoneError


class FakeMedium:
    """Keeps its bytes in memory, and optionally spoils, loses or refuses some.

    `flips` maps an offset to how many writes to it go wrong; `capacity_bytes` below
    `size_bytes` makes it a card that lies about its size; it is pulled out at `dies_at`.
    """

    def __init__(
        self,
        size_bytes: int,
        *,
        fill: int = 0xA5,
        flips: dict[int, int] | None = None,
        capacity_bytes: int = 0,
        dies_at: int | None = None,
        full_at: int | None = None,
        bad_flush: bool = False,
    ) -> None:
        self.name = "/dev/fake"
        self.size_bytes = size_bytes
        self.is_blank = False
        self.bytes = bytearray([fill]) * (capacity_bytes or size_bytes)
        self.flips = dict(flips or {})
        self.dies_at, self.full_at, self.bad_flush = dies_at, full_at, bad_flush
        self.writes: list[tuple[int, int]] = []
        self.flushes = 0
        self.table_reads = 0
        self.on_write: Callable[[int], Any] = lambda _offset: None
        self._is_gone = False

    def write(self, offset: int, data: memoryview) -> None:
        """Store `data`, as well as this card can."""
        self._check(offset, len(data))
        self.on_write(offset)
        if self.full_at is not None and offset + len(data) > self.full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.writes.append((offset, len(data)))
        self._store(offset, bytes(data))
        for at, times in self.flips.items():
            if times and offset <= at < offset + len(data):
                self.flips[at] -= 1
                self.bytes[at % len(self.bytes)] ^= 0x01

    def read(self, offset: int, into: memoryview) -> None:
        """Return what was kept."""
        self._check(None, len(into))
        start = offset % len(self.bytes)
        piece = (self.bytes + self.bytes)[start : start + len(into)] if self._wraps else None
        into[:] = piece if piece is not None else self.bytes[start : start + len(into)]

    def flush(self) -> None:
        """Count the flush, or fail it."""
        self._check(None, 0)
        if self.bad_flush:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.flushes += 1

    def reread_table(self) -> None:
        """Count the request."""
        self.table_reads += 1

    @property
    def _wraps(self) -> bool:
        return len(self.bytes) < self.size_bytes

    def _store(self, offset: int, data: bytes) -> None:
        start = offset % len(self.bytes)
        room = len(self.bytes) - start
        self.bytes[start : start + len(data)] = data[:room]
        if len(data) > room:
            self.bytes[: len(data) - room] = data[room:]

    def _check(self, offset: int | None, _length: int) -> None:
        if offset is not None and self.dies_at is not None and offset >= self.dies_at:
            self._is_gone = True
        if self._is_gone:
            raise MediumGoneError(errno.ENODEV, "the device is gone; was it pulled?")
