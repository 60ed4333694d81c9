# SPDX-License-Identifier: Apache-2.0
"""Kinds of values that several commands take: durations, numbers in any base."""

from typing import Any

import click

from edge.units import parse_duration


class DurationType(click.ParamType[float]):
    """Seconds, from a number of them or from "1m30s"."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds."""
        if isinstance(value, int | float):
            return float(value)
        text = f"{value}s" if str(value).isdigit() else str(value)
        try:
            return parse_duration(text)
        except ValueError:
            self.fail(f"{value!r} is no duration; write 90s or 1m30s", param, ctx)


class NumberType(click.ParamType[int]):
    """A whole number, decimal or with 0x in front, within the bounds that it has."""

    name = "number"

    def __init__(self, smallest: int | None = None, largest: int | None = None) -> None:
        self._smallest, self._largest = smallest, largest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        try:
            number = value if isinstance(value, int) else int(str(value), 0)
        except ValueError:
            self.fail(f"{value!r} is no number; write 10 or 0x0a", param, ctx)
        if self._smallest is not None and number < self._smallest:
            self.fail(f"{value!r} is too small; {self._smallest} is the smallest", param, ctx)
        if self._largest is not None and number > self._largest:
            self.fail(f"{value!r} is too large; {self._largest} is the largest", param, ctx)
        return number


DURATION = DurationType()
NUMBER = NumberType()
META_KEY = NumberType(1, 255)
