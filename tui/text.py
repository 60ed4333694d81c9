# SPDX-License-Identifier: Apache-2.0
"""Small pieces of text that stand for numbers, times and foreign lines."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final

LONGEST_LINE: Final = 2000
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"))


def bar(percent: float, width: int) -> str:
    """Return a bar of `width` characters, filled to `percent`."""
    filled = round(min(max(percent, 0), 100) / 100 * width)
    return "█" * filled + "░" * (width - filled)


def spark(percents: Sequence[float], width: int) -> str:
    """Return the last `width` percentages as columns, on a scale of 0 to 100, right aligned."""
    shown = percents[-width:] if width else ()
    return "".join(_level(each) for each in shown).rjust(width)


def percent(value: float | None) -> str:
    """Return a percentage without decimals, or nothing."""
    return "" if value is None else f"{value:.0f}%"


def age(since: datetime | None, now: datetime) -> str:
    """Return how long ago `since` was: now, 12s, 3m, 2h, 5d; never when it is nothing."""
    if since is None:
        return "never"
    seconds = int((now - since).total_seconds())
    if seconds < 5:
        return "now"
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def plain(line: str) -> str:
    """Return a line from a node without anything that a terminal could act on."""
    kept = (char for char in line[:LONGEST_LINE] if char == "\t" or _is_harmless(char))
    return "".join(kept).expandtabs(4)


def _is_harmless(char: str) -> bool:
    # Controls, format characters such as bidirectional overrides, surrogates, private ones.
    return not unicodedata.category(char).startswith("C")


def _level(value: float) -> str:
    step = int(min(max(value, 0), 100) / 100 * (len(_LEVELS) - 1) + 0.5)
    return _LEVELS[step]
