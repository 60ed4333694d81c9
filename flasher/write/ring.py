# SPDX-License-Identifier: Apache-2.0
"""The buffers between one reader and many cards: page-aligned, counted, and bounded in number.

    free -> filled by the reader -> queued to n cards (n references) -> last card done -> free

A reference is taken when a buffer is queued, not when it is written. So no buffer is refilled
while a card still waits for it, and memory is what was set aside at the start.
"""

import mmap
from collections import deque
from threading import Condition


class Buffer:
    """Some page-aligned memory; it belongs to the ring again when its last reference goes."""

    __slots__ = ("memory", "references")

    def __init__(self, size_bytes: int) -> None:
        self.memory = memoryview(mmap.mmap(-1, size_bytes))
        self.references = 0


class Ring:
    """A fixed number of buffers of one size."""

    def __init__(self, count: int, buffer_bytes: int) -> None:
        self.buffer_bytes = buffer_bytes
        self.size_bytes = count * buffer_bytes
        self._free = deque(Buffer(buffer_bytes) for _ in range(count))
        self._changed = Condition()

    def acquire(self, timeout_s: float) -> Buffer | None:
        """Return a free buffer with one reference, or None when there is none for `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free, timeout_s):
                return None
            buffer = self._free.popleft()
            buffer.references = 1
            return buffer

    def retain(self, buffer: Buffer) -> None:
        """Add a reference; the caller has one already."""
        with self._changed:
            assert buffer.references > 0
            buffer.references += 1

    def release(self, buffer: Buffer) -> None:
        """Drop a reference."""
        with self._changed:
            assert buffer.references > 0
            buffer.references -= 1
            if buffer.references == 0:
                self._free.append(buffer)
                self._changed.notify()
