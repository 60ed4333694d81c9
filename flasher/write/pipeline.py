# SPDX-License-Identifier: Apache-2.0
"""Reads ahead in a thread: a few page-aligned buffers go round between reader and user.

A buffer belongs to exactly one side at a time. The user has it from the moment it is yielded
until he asks for the next one, so nothing is refilled while it is still being written.
"""

import mmap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread

from edge.units import MIB
from flasher.ranges import Range

CHUNK_BYTES = 4 * MIB
_DEPTH = 4  # deeper queues gain a card nothing and have stalled others' readers

Fill = Callable[[Range, memoryview], bytes]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The bytes at `range`, and what their reader said about them."""

    range: Range
    view: memoryview
    digest: bytes


@contextmanager
def read_ahead(ranges: Iterable[Range], fill: Fill) -> Iterator[Iterator[Chunk]]:
    """Give chunks for `ranges`, none above `CHUNK_BYTES`, that `fill` reads in a thread.

    An exception of `fill` is raised here, in place of the chunk it failed on.
    """
    free: SimpleQueue[mmap.mmap | None] = SimpleQueue()
    full: SimpleQueue[tuple[Chunk, mmap.mmap] | Exception | None] = SimpleQueue()
    for _ in range(_DEPTH):
        free.put(mmap.mmap(-1, CHUNK_BYTES))
    stop = Event()
    arguments = (ranges, fill, free, full, stop)
    reader = Thread(target=_read, args=arguments, name="read ahead", daemon=True)
    reader.start()
    try:
        yield _chunks(free, full)
    finally:
        stop.set()
        free.put(None)
        reader.join()


def _chunks(
    free: SimpleQueue[mmap.mmap | None],
    full: SimpleQueue[tuple[Chunk, mmap.mmap] | Exception | None],
) -> Iterator[Chunk]:
    while (item := full.get()) is not None:
        if isinstance(item, Exception):
            raise item
        chunk, buffer = item
        yield chunk
        free.put(buffer)


def _read(
    ranges: Iterable[Range],
    fill: Fill,
    free: SimpleQueue[mmap.mmap | None],
    full: SimpleQueue[tuple[Chunk, mmap.mmap] | Exception | None],
    stop: Event,
) -> None:
    try:
        for one in ranges:
            buffer = free.get()
            if buffer is None or stop.is_set():
                return
            view = memoryview(buffer)[: one.size_bytes]
            full.put((Chunk(one, view, fill(one, view)), buffer))
        full.put(None)
    except Exception as error:  # the thread's boundary: the user raises it again
        full.put(error)
