# SPDX-License-Identifier: Apache-2.0
"""Reading ahead keeps order, ownership of buffers, and errors."""

import threading

import pytest

from flasher.ranges import Range
from flasher.write.pipeline import read_ahead

RANGES = [Range(10 * n, 10 * n + 10) for n in range(40)]


def _fill(at: Range, into: memoryview) -> bytes:
    into[:] = bytes([at.start % 251]) * at.size_bytes
    return str(at.start).encode()


def test_chunks_come_in_order_with_their_bytes() -> None:
    """A buffer is not refilled while its chunk is in use."""
    seen = []
    with read_ahead(RANGES, _fill) as chunks:
        for chunk in chunks:
            assert bytes(chunk.view) == bytes([chunk.range.start % 251]) * 10
            assert chunk.digest == str(chunk.range.start).encode()
            seen.append(chunk.range)
    assert seen == RANGES


def test_readers_error_reaches_the_user() -> None:
    """An exception in the thread is raised where the chunk would have been."""

    def fail(at: Range, into: memoryview) -> bytes:
        if at.start == 100:
            raise RuntimeError("unreadable")
        return _fill(at, into)

    seen = []
    with pytest.raises(RuntimeError, match="unreadable"), read_ahead(RANGES, fail) as chunks:
        seen += [chunk.range.start for chunk in chunks]
    assert not seen or max(seen) < 100


def test_leaving_early_ends_the_thread() -> None:
    """A user who stops does not leave a reader behind."""
    with read_ahead(RANGES, _fill) as chunks:
        next(chunks)
    assert not [one for one in threading.enumerate() if one.name == "read ahead"]


def test_no_ranges_is_nothing_to_do() -> None:
    """An empty job just ends."""
    with read_ahead([], _fill) as chunks:
        assert list(chunks) == []
