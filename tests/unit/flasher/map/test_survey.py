# SPDX-License-Identifier: Apache-2.0
"""Surveys are led forward only, and what is in doubt is not free."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.units import KIB
from flasher.map.mapping import GAP_BYTES
from flasher.map.survey import FreeList, Survey, Surveyor, UnsureError
from flasher.ranges import Range, merge

_SIZE = 64 * KIB
_BYTES = memoryview(bytes(index % 256 for index in range(_SIZE)))
_FREE = (Range(7, 70_000),)


def _asking(wants: list[Range], seen: list[bytes]) -> Survey:
    for want in wants:
        seen.append((yield want))
    return _FREE


def _lead(surveyor: Surveyor) -> None:
    while (want := surveyor.want) is not None:
        surveyor.give(want.start, _BYTES[want.start : want.end])


@given(st.lists(st.integers(0, _SIZE), unique=True, max_size=8), st.integers(1, 9000))
def test_pieces_make_no_difference(cuts: list[int], piece_bytes: int) -> None:
    """A survey sees the same bytes whether it is given them as asked or in passing."""
    edges = sorted(cuts)[: len(cuts) // 2 * 2]
    wants = [Range(*pair) for pair in zip(edges[::2], edges[1::2], strict=True)]
    asked, passed = list[bytes](), list[bytes]()
    led, observed = (Surveyor(_asking(wants, seen), _SIZE) for seen in (asked, passed))
    _lead(led)
    for start in range(0, _SIZE, piece_bytes):
        observed.give(start, _BYTES[start : start + piece_bytes])
    assert asked == passed == [bytes(_BYTES[one.start : one.end]) for one in wants]
    assert led.free == observed.free == _FREE


@pytest.mark.parametrize(
    "wants",
    [
        [Range(100, 200), Range(50, 60)],
        [Range(100, 200), Range(199, 300)],
        [Range(100, _SIZE + 1)],
        [Range(100, 100)],
    ],
)
def test_wrong_questions_end_a_survey(wants: list[Range]) -> None:
    """Asking for what has passed, for what is outside, or for nothing leaves nothing free."""
    surveyor = Surveyor(_asking(wants, []), _SIZE)
    _lead(surveyor)
    assert surveyor.free == ()


def test_missed_bytes_end_a_survey() -> None:
    """Bytes that never came are no bytes: nothing is free."""
    surveyor = Surveyor(_asking([Range(100, 200)], []), _SIZE)
    surveyor.give(150, _BYTES[150:300])
    assert (surveyor.want, surveyor.free) == (None, ())


def test_unfinished_survey_has_nothing_free() -> None:
    """Until a survey has seen all that it wants, nothing is free."""
    surveyor = Surveyor(_asking([Range(100, 200)], []), _SIZE)
    surveyor.give(0, _BYTES[:150])
    assert (surveyor.want, surveyor.free) == (Range(100, 200), ())


def test_doubt_ends_a_survey() -> None:
    """A file system that contradicts itself leaves nothing free."""

    def doubting() -> Survey:
        yield Range(0, 1)
        raise UnsureError("for the test")

    surveyor = Surveyor(doubting(), _SIZE)
    _lead(surveyor)
    assert surveyor.free == ()


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 1000)), max_size=12))
def test_free_list_keeps_what_is_large(steps: list[tuple[int, int]]) -> None:
    """Neighbours become one range, and only what would be written along is forgotten."""
    found, added, at = FreeList(), list[Range](), 0
    for gap, size in steps:
        added.append(Range(at + gap * KIB, at + (gap + size) * KIB))
        at = added[-1].end
        found.add(added[-1].start, added[-1].end)
    wanted = [one for one in merge(added) if one.size_bytes > GAP_BYTES]
    assert list(found.ranges()) == wanted
