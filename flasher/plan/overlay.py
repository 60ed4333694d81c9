# SPDX-License-Identifier: Apache-2.0
"""Many small changes over an image, found quickly by where they lie."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise

from flasher.patch import Patch
from flasher.ranges import Range, merge, subtract


class Overlay:
    """Patches without overlaps, in order; of two for the same byte the later one is left."""

    __slots__ = ("_ends", "patches")

    def __init__(self, patches: Iterable[Patch] = ()) -> None:
        self.patches = _flatten(tuple(patches))
        self._ends = [patch.range.end for patch in self.patches]

    def touches(self, at: Range) -> bool:
        """Return whether any byte of `at` is changed."""
        return at.size_bytes > 0 and next(self.within(at), None) is not None

    def within(self, at: Range) -> Iterator[Patch]:
        """Yield the patches that change something in `at`."""
        index = bisect_right(self._ends, at.start)
        while index < len(self.patches) and self.patches[index].offset < at.end:
            yield self.patches[index]
            index += 1

    def apply(self, at: Range, into: memoryview | bytearray) -> None:
        """Put what changes in `at` into `into`, which has its bytes."""
        for patch in self.within(at):
            start, end = max(at.start, patch.offset), min(at.end, patch.range.end)
            piece = patch.data[start - patch.offset : end - patch.offset]
            into[start - at.start : end - at.start] = piece


def cut_patches(patches: Iterable[Patch], holes: Iterable[Range]) -> tuple[Patch, ...]:
    """Return what of `patches` lies outside `holes`."""
    cuts = tuple(holes)
    return tuple(_piece(patch, left) for patch in patches for left in subtract([patch.range], cuts))


def _flatten(patches: tuple[Patch, ...]) -> tuple[Patch, ...]:
    """Return `patches` in order and without the bytes that later ones cover."""
    ordered = sorted((patch for patch in patches if patch.data), key=lambda patch: patch.offset)
    if all(a.range.end <= b.offset for a, b in pairwise(ordered)):
        return tuple(ordered)
    left: list[Patch] = []
    covered: tuple[Range, ...] = ()
    for patch in reversed(patches):
        left += (_piece(patch, part) for part in subtract([patch.range], covered))
        covered = merge((*covered, patch.range))
    return tuple(sorted(left, key=lambda patch: patch.offset))


def _piece(patch: Patch, part: Range) -> Patch:
    return Patch(part.start, patch.data[part.start - patch.offset : part.end - patch.offset])
