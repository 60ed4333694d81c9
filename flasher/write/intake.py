# SPDX-License-Identifier: Apache-2.0
"""The chunks that wait to be written to one card."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from flasher.ranges import Range
from flasher.write.digest import digest
from flasher.write.ring import Buffer, Ring


@dataclass(slots=True)
class Chunk:
    """The image's bytes at `range`, in a buffer that others may be reading too."""

    range: Range
    buffer: Buffer
    ring: Ring
    _digest: bytes = b""

    @property
    def view(self) -> memoryview:
        """Return the bytes."""
        return self.buffer.memory[: self.range.size_bytes]

    @property
    def digest(self) -> bytes:
        """Return the digest of the bytes; whoever asks first works it out, not the reader."""
        self._digest = self._digest or digest(self.view)
        return self._digest

    def release(self) -> None:
        """Give the buffer back; the bytes are not to be used any more."""
        self.ring.release(self.buffer)


class Intake:
    """A queue with an end that can also be cut off: what comes later is given back at once."""

    def __init__(self, woken: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self.has_ended = False
        self._woken, self._lock = woken, Lock()
        self._chunks: deque[Chunk] = deque()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def is_closed(self) -> bool:
        """Return whether nobody takes from it any more."""
        return self._is_closed

    def offer(self, chunk: Chunk) -> None:
        """Queue `chunk`, with a reference of its own."""
        with self._lock:
            if self._is_closed:
                return
            chunk.ring.retain(chunk.buffer)
            self._chunks.append(chunk)
        self._woken()

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes, because all came or because of `error`."""
        self.error, self.has_ended = error, True
        self._woken()

    def take(self) -> Chunk | None:
        """Return the next chunk, whose reference is the caller's now, or None."""
        with self._lock:
            return self._chunks.popleft() if self._chunks else None

    def drain(self) -> int | None:
        """Give all waiting chunks back; return where the first of them starts."""
        with self._lock:
            start = self._chunks[0].range.start if self._chunks else None
            while self._chunks:
                self._chunks.popleft().release()
            return start

    def close(self) -> None:
        """Give all waiting chunks back and take no more."""
        with self._lock:
            self._is_closed = True
        self.drain()
