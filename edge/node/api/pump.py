# SPDX-License-Identifier: Apache-2.0
"""Blocking iterators as streams: stepped in threads of their own, closed when the reader goes.

One step is under way at a time and nothing is taken ahead of the reader, so a slow one costs no
more memory than a fast one. The threads are not asyncio's, so that a disk that does not answer
holds up file calls and nothing else.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from typing import Generic, TypeVar

BATCH = 128
BATCH_S = 0.05
_THREADS = 8
_pool = ThreadPoolExecutor(_THREADS, "files")
MOST_STREAMS = 128
"""At a time: each has files open, and those that nobody reads have them until they end."""
_room = BoundedSemaphore(MOST_STREAMS)
T = TypeVar("T")


class BusyError(Exception):
    """There are as many streams as there may be."""


async def stream(source: Generator[T | None], *, batch: int = BATCH) -> AsyncGenerator[T, None]:
    """Yield what `source` does, taking up to `batch` at a time; its `finally` runs in any case.

    A source that works long for little says None now and then: that is not passed on, but is
    where it can be stopped.

    Raises:
        BusyError: when there are too many already.
    """
    if not _room.acquire(blocking=False):
        raise BusyError
    steps = _Steps(source, batch)
    loop = asyncio.get_running_loop()
    try:
        while not steps.ended:
            for each in await loop.run_in_executor(_pool, steps.take):
                yield each
    finally:
        # Not waited for: a step may be under way, and whoever goes is not to be held up.
        _pool.submit(steps.close)


class _Steps(Generic[T]):
    def __init__(self, source: Generator[T | None], batch: int) -> None:
        self._source = source
        self._batch = batch
        self._lock = Lock()
        self.ended = False

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
            try:
                self._source.close()
            finally:
                _room.release()
