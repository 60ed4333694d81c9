# SPDX-License-Identifier: Apache-2.0
"""Buffers are page-aligned, counted, and refilled only when nobody holds them."""

import ctypes
import mmap

from hypothesis import given
from hypothesis import strategies as st

from flasher.ranges import Range
from flasher.write.intake import Chunk, Intake
from flasher.write.ring import Ring

SIZE = mmap.PAGESIZE


def test_buffers_are_aligned() -> None:
    """Direct I/O takes them as they are."""
    buffer = Ring(1, SIZE).acquire(0)
    assert buffer is not None
    address = ctypes.addressof(ctypes.c_char.from_buffer(buffer.memory))
    assert address % mmap.PAGESIZE == 0


def test_buffer_comes_back_with_its_last_reference() -> None:
    """As long as one card waits for it, a buffer is not free."""
    ring = Ring(1, SIZE)
    buffer = ring.acquire(0)
    assert buffer is not None
    ring.retain(buffer)
    ring.release(buffer)
    assert ring.acquire(0) is None
    ring.release(buffer)
    assert ring.acquire(0) is buffer


@given(st.lists(st.sampled_from(["offer", "take", "drain"]), max_size=40))
def test_intake_gives_back_what_it_was_given(moves: list[str]) -> None:
    """Whatever is queued, taken and drained, every reference is dropped exactly once."""
    ring, intake = Ring(64, SIZE), Intake(lambda: None)
    buffers = set()
    for number, move in enumerate(moves):
        if move == "offer":
            buffer = ring.acquire(0)
            assert buffer is not None
            buffers.add(buffer)
            intake.offer(Chunk(Range(number, number + 1), buffer, ring))
            ring.release(buffer)
        elif move == "take" and (chunk := intake.take()):
            chunk.release()
        elif move == "drain":
            intake.drain()
    intake.close()
    assert all(buffer.references == 0 for buffer in buffers)


def test_closed_intake_takes_no_reference() -> None:
    """What comes for a card that is gone is not held."""
    ring, intake = Ring(1, SIZE), Intake(lambda: None)
    intake.close()
    buffer = ring.acquire(0)
    assert buffer is not None
    intake.offer(Chunk(Range(0, 1), buffer, ring))
    ring.release(buffer)
    assert ring.acquire(0) is buffer


def test_draining_says_where_it_stopped() -> None:
    """A card that is let go learns which byte it has to go on with."""
    ring, intake = Ring(2, SIZE), Intake(lambda: None)
    for start in (4096, 8192):
        buffer = ring.acquire(0)
        assert buffer is not None
        intake.offer(Chunk(Range(start, start + 4096), buffer, ring))
    assert intake.drain() == 4096
    assert intake.drain() is None
