# SPDX-License-Identifier: Apache-2.0
"""A block map's checksums are compared with the bytes that pass, in whatever pieces."""

import hashlib
import itertools
import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ImageError
from edge.units import MIB
from flasher.ranges import Range
from flasher.source import Image, RangeCheck, scan_image
from flasher.write.digest import RangeChecker
from tests.fakes.image import make_image

CONTENT = random.Random(3).randbytes(64)


@cache
def _any_image() -> Image:
    with TemporaryDirectory() as folder:
        return scan_image(make_image(Path(folder) / "i.img"))


def _image(*spans: tuple[int, int], wrong: int | None = None) -> Image:
    checks = tuple(
        RangeCheck(range=Range(start, end), digest=hashlib.sha256(CONTENT[start:end]).hexdigest())
        for start, end in spans
    )
    if wrong is not None:
        checks = tuple(
            replace(check, digest="0" * 64) if index == wrong else check
            for index, check in enumerate(checks)
        )
    return replace(_any_image(), checks=checks)


def _feed(checker: RangeChecker, cuts: list[int]) -> None:
    edges = [0, *sorted(set(cuts)), len(CONTENT)]
    for start, end in itertools.pairwise(edges):
        checker.feed(Range(start, end), memoryview(CONTENT)[start:end])


@given(st.lists(st.integers(1, 63), max_size=8))
def test_right_bytes_pass_in_any_pieces(cuts: list[int]) -> None:
    """Where the pieces are cut makes no difference."""
    _feed(RangeChecker(_image((0, 7), (7, 20), (30, 64))), cuts)


@given(st.lists(st.integers(1, 63), max_size=8), st.integers(0, 2))
def test_wrong_bytes_never_pass(cuts: list[int], wrong: int) -> None:
    """A range with another checksum is found in any pieces, and named."""
    image = _image((0, 7), (7, 20), (30, 64), wrong=wrong)
    with pytest.raises(ImageError, match="does not match its block map"):
        _feed(RangeChecker(image), cuts)


def test_range_that_was_skipped_in_part_is_not_judged() -> None:
    """A card that joined late cannot check what it did not see; others do."""
    checker = RangeChecker(_image((0, 20), (20, 40), wrong=0))
    checker.feed(Range(0, 5), memoryview(CONTENT)[:5])
    checker.feed(Range(10, 64), memoryview(CONTENT)[10:])
    with pytest.raises(ImageError):
        RangeChecker(_image((0, 20), wrong=0)).feed(Range(0, MIB), memoryview(bytes(MIB)))
