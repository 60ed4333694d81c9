# SPDX-License-Identifier: Apache-2.0
"""Small changes over an image: which win, which are found, which bytes they spare."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flasher.patch import Patch
from flasher.plan.overlay import Overlay, cut_patches
from flasher.ranges import Range

PATCHES = st.lists(st.builds(Patch, st.integers(0, 200), st.binary(max_size=40)), max_size=12).map(
    tuple
)
SIZE = 256


def _naive(patches: tuple[Patch, ...]) -> bytes:
    card = bytearray(SIZE)
    for patch in patches:
        card[patch.offset : patch.range.end] = patch.data
    return bytes(card)


@settings(deadline=None)
@given(PATCHES, st.integers(0, SIZE), st.integers(0, SIZE))
def test_later_patches_win_wherever_one_looks(
    patches: tuple[Patch, ...], one: int, two: int
) -> None:
    """Any piece of the card is what writing the patches one after the other makes of it."""
    at = Range(min(one, two), max(one, two))
    piece = bytearray(at.size_bytes)
    Overlay(patches).apply(at, piece)
    assert piece == _naive(patches)[at.start : at.end]


@settings(deadline=None)
@given(PATCHES, st.integers(0, SIZE), st.integers(0, SIZE))
def test_only_what_a_patch_changes_is_touched(
    patches: tuple[Patch, ...], one: int, two: int
) -> None:
    """A range is touched when some patch has a byte in it."""
    at = Range(min(one, two), max(one, two))
    touched = {byte for patch in patches for byte in range(patch.offset, patch.range.end)}
    expected = bool(touched & set(range(at.start, at.end)))
    assert Overlay(patches).touches(at) == expected


@settings(deadline=None)
@given(PATCHES)
def test_patches_end_up_apart_and_in_order(patches: tuple[Patch, ...]) -> None:
    """That is what finding them by bisection rests on."""
    flat = Overlay(patches).patches
    ends = [0, *(patch.range.end for patch in flat)]
    assert all(end <= patch.offset for end, patch in zip(ends, flat, strict=False))


@settings(deadline=None)
@given(PATCHES, st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, 50)), max_size=4))
def test_cutting_spares_exactly_the_holes(
    patches: tuple[Patch, ...], places: list[tuple[int, int]]
) -> None:
    """Bytes in holes stay, all others become what they would have become."""
    holes = [Range(start, start + size) for start, size in places]
    expected = bytearray(_naive(patches))
    for hole in holes:
        expected[hole.start : hole.end] = bytes(max(0, min(hole.end, SIZE) - hole.start))
    assert _naive(cut_patches(patches, holes)) == bytes(expected[:SIZE])
