# SPDX-License-Identifier: Apache-2.0
"""Blocking iterators as streams: stepped in threads of their own, closed when the reader goes.

One step is under way at a time and nothing is taken ahead of the reader, so a slow one costs no
more memory than a fast one. The threads are not asyncio's, so that a disk that does not answer
holds up file calls and nothing else.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

BATCH = 128
BATCH_S = 0.05
_THREADS = 8
_pool = ThreadPoolExecutor(_THREADS, "files")
MOST_STREAMS = 128
"""At a time: each has files open for as long as it lasts."""
MOST_OF_ONE = 96
"""To one caller's address, so that there is room for others whatever one does."""
UNREAD_S = 60.0
"""After which a stream that nobody reads from is given up."""
T = TypeVar("T")


class BusyError(Exception):
    """There are as many streams as there may be."""


class UnreadError(Exception):
    """Nobody has read from the stream for too long."""


async def stream(
    source: Generator[T | None], *, batch: int = BATCH, caller: str = ""
) -> AsyncGenerator[T, None]:
    """Yield what `source` does, taking up to `batch` at a time; its `finally` runs in any case.

    A source that works long for little says None now and then: that is not passed on, but is
    where it can be stopped.

    Raises:
        BusyError: when there are too many already.
        UnreadError: when one batch was not read for `UNREAD_S`.
    """
    _room.enter(caller)
    steps = _Steps(source, batch, lambda: _room.leave(caller))
    loop = asyncio.get_running_loop()
    try:
        while not steps.ended:
            taken = await loop.run_in_executor(_pool, steps.take)
            is_whole = steps.ended and not steps.closed
            unread = loop.call_later(UNREAD_S, _pool.submit, steps.close)
            try:
                for each in taken:
                    yield each
            finally:
                unread.cancel()
            if steps.closed and not is_whole:
                raise UnreadError
    finally:
        # Not waited for: a step may be under way, and whoever goes is not to be held up.
        _pool.submit(steps.close)


class _Room:
    """Who has how many streams."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken: Counter[str] = Counter()

    def enter(self, caller: str) -> None:
        with self._lock:
            if self._taken.total() >= MOST_STREAMS or self._taken[caller] >= MOST_OF_ONE:
                raise BusyError
            self._taken[caller] += 1

    def leave(self, caller: str) -> None:
        with self._lock:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]


_room = _Room()


class _Steps(Generic[T]):
    def __init__(
        self, source: Generator[T | None], batch: int, on_close: Callable[[], None]
    ) -> None:
        self._source = source
        self._on_close = on_close
        self._batch = batch
        self._lock = Lock()
        self.ended = False
        self.closed = False

    def take(self) -> list[T]:
        """Return the next few; none when they are long in coming, or at the end."""
        with self._lock:
            taken: list[T] = []
            deadline = time.monotonic() + BATCH_S
            for each in self._source:
                if each is not None:
                    taken.append(each)
                if len(taken) >= self._batch or time.monotonic() > deadline:
                    return taken
            self.ended = True
            return taken

    def close(self) -> None:
        """Let the source clean up, after the step that is under way."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            try:
                self._source.close()
            finally:
                self._on_close()
