# SPDX-License-Identifier: Apache-2.0
"""Half-open ranges of bytes on a medium, and the few laws of sets they need."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a range: {self.start} to {self.end}")

    @property
    def size_bytes(self) -> int:
        """Return how many bytes it spans."""
        return self.end - self.start


def merge(ranges: Iterable[Range], *, gap_bytes: int = 0) -> tuple[Range, ...]:
    """Return the same bytes as sorted, disjoint ranges, bridging gaps up to `gap_bytes`."""
    merged: list[Range] = []
    for one in sorted(found for found in ranges if found.size_bytes):
        if merged and one.start - merged[-1].end <= gap_bytes:
            merged[-1] = Range(merged[-1].start, max(merged[-1].end, one.end))
        else:
            merged.append(one)
    return tuple(merged)


def subtract(ranges: Iterable[Range], holes: Iterable[Range]) -> tuple[Range, ...]:
    """Return the bytes of `ranges` that are in none of `holes`."""
    left: list[Range] = []
    cuts, at = merge(holes), 0
    for one in merge(ranges):
        start = one.start
        while at < len(cuts) and cuts[at].end <= start:
            at += 1
        index = at  # the last cut may reach into the next range too
        while index < len(cuts) and cuts[index].start < one.end:
            left.append(Range(start, max(start, cuts[index].start)))
            start = cuts[index].end
            index += 1
        left.append(Range(min(start, one.end), one.end))
    return tuple(part for part in left if part.size_bytes)


def intersect(ranges: Iterable[Range], others: Iterable[Range]) -> tuple[Range, ...]:
    """Return the bytes that are both in `ranges` and in `others`."""
    ones = merge(ranges)
    return subtract(ones, subtract(ones, others))


def within(at: Range, ranges: Sequence[Range]) -> tuple[Range, ...]:
    """Return the bytes of `at` that are in `ranges`, which are sorted and disjoint.

    Only those that matter are looked at: this is asked for every chunk, of thousands of ranges.
    """
    index, found = bisect_right(ranges, at.start, key=lambda one: one.end), []
    while index < len(ranges) and ranges[index].start < at.end:
        one = ranges[index]
        found.append(Range(max(one.start, at.start), min(one.end, at.end)))
        index += 1
    return merge(found)


def align(ranges: Iterable[Range], block_bytes: int, limit: int) -> tuple[Range, ...]:
    """Return `ranges` widened to whole blocks, but never past `limit`."""
    return merge(
        Range(
            one.start // block_bytes * block_bytes,
            min(-(-one.end // block_bytes) * block_bytes, limit),
        )
        for one in ranges
        if one.start < limit
    )


def split(ranges: Iterable[Range], chunk_bytes: int) -> Iterator[Range]:
    """Yield `ranges` in order, cut at multiples of `chunk_bytes` of the medium."""
    for one in ranges:
        start = one.start
        while start < one.end:
            end = min(one.end, (start // chunk_bytes + 1) * chunk_bytes)
            yield Range(start, end)
            start = end


def total_bytes(ranges: Iterable[Range]) -> int:
    """Return how many bytes disjoint `ranges` span together."""
    return sum(one.size_bytes for one in ranges)
