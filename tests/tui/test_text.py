# SPDX-License-Identifier: Apache-2.0
"""Numbers, times and foreign lines as text."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.nodes import NOW
from tui.text import LONGEST_LINE, age, bar, percent, plain, spark


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "now"), (4, "now"), (59, "59s"), (60, "1m"), (7265, "2h"), (200_000, "2d"), (-5, "now")],
)
def test_age_is_one_unit(seconds: int, expected: str) -> None:
    """An age is told in its largest unit; a clock that jumped back is now."""
    assert age(NOW - timedelta(seconds=seconds), NOW) == expected


def test_never_seen() -> None:
    """What was never seen has no age."""
    assert age(None, NOW) == "never"
    assert percent(None) == ""


@given(st.floats(-1000, 1000), st.integers(0, 60))
def test_bar_is_as_wide_as_asked(value: float, width: int) -> None:
    """A bar never leaves its place, whatever the number."""
    assert len(bar(value, width)) == width


@given(st.lists(st.floats(-10, 200)), st.integers(0, 60))
def test_spark_is_as_wide_as_asked(values: list[float], width: int) -> None:
    """A history fills its place from the right."""
    assert len(spark(values, width)) == width


def test_spark_scale_is_absolute() -> None:
    """Half is half, also when nothing was higher."""
    assert spark([0, 50, 100], 4) == " ▁▅█"


def test_lines_of_nodes_cannot_drive_the_terminal() -> None:
    """Escape sequences and bidirectional marks are dropped, tabs become spaces."""
    assert plain("a\x1b[2Jb\tc\u202ed\r") == "a[2Jb   cd"


@given(st.text())
def test_plain_lines_have_no_controls(text: str) -> None:
    """Nothing that is left is a control character, and the length is bounded."""
    line = plain(text * 50)
    assert all(char.isprintable() or char.isspace() for char in line)
    assert "\x1b" not in line
    assert len(line) <= 4 * LONGEST_LINE
