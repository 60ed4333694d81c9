# SPDX-License-Identifier: Apache-2.0
"""The laws of byte ranges."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flasher.ranges import Range, align, intersect, merge, split, subtract, total_bytes, within

_LIMIT = 300
ranges = st.builds(
    lambda start, size: Range(start, min(start + size, _LIMIT)),
    st.integers(0, _LIMIT),
    st.integers(0, 60),
)
many = st.lists(ranges, max_size=12)


def _bytes(some: "list[Range] | tuple[Range, ...]") -> set[int]:
    return {at for one in some for at in range(one.start, one.end)}


@given(many)
def test_merge_keeps_every_byte(some: list[Range]) -> None:
    """Merging changes how the bytes are grouped, never which they are."""
    merged = merge(some)
    assert _bytes(merged) == _bytes(some)
    assert total_bytes(merged) == len(_bytes(some))


@given(many, st.integers(0, 40))
def test_merge_leaves_only_larger_gaps(some: list[Range], gap: int) -> None:
    """What is merged is sorted, not empty, and further apart than the gap."""
    merged = merge(some, gap_bytes=gap)
    assert _bytes(merged) >= _bytes(some)
    assert all(one.size_bytes for one in merged)
    assert all(b.start - a.end > gap for a, b in pairwise(merged))


@given(many, many)
def test_subtract_is_set_difference(some: list[Range], holes: list[Range]) -> None:
    """What is left is exactly what is in no hole."""
    assert _bytes(subtract(some, holes)) == _bytes(some) - _bytes(holes)


@given(many, many)
def test_intersect_is_set_intersection(some: list[Range], others: list[Range]) -> None:
    """What is common is exactly what is in both."""
    assert _bytes(intersect(some, others)) == _bytes(some) & _bytes(others)


@given(ranges, many)
def test_within_is_the_intersection_with_one(at: Range, some: list[Range]) -> None:
    """Looking at a few of sorted ranges finds the same as looking at all of them."""
    assert within(at, merge(some)) == intersect([at], some)


@given(many, st.sampled_from([1, 8, 64]))
def test_align_widens_to_blocks(some: list[Range], block: int) -> None:
    """Aligned ranges cover the old ones, begin at blocks, and end at one or at the limit."""
    aligned = align(some, block, _LIMIT)
    assert _bytes(aligned) >= _bytes(some)
    assert all(one.start % block == 0 for one in aligned)
    assert all(one.end % block == 0 or one.end == _LIMIT for one in aligned)


@given(many, st.integers(1, 50))
def test_split_cuts_at_multiples(some: list[Range], chunk: int) -> None:
    """Pieces keep the bytes, stay in order, and none crosses a multiple of the chunk."""
    merged = merge(some)
    pieces = list(split(merged, chunk))
    assert _bytes(pieces) == _bytes(merged)
    assert pieces == sorted(pieces)
    assert all(one.start // chunk == (one.end - 1) // chunk for one in pieces)


def test_backward_range_is_refused() -> None:
    """A range that ends before it starts is a mistake of the caller."""
    with pytest.raises(ValueError, match="not a range"):
        Range(5, 4)
