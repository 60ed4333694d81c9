# SPDX-License-Identifier: Apache-2.0
"""The kernel's tables of numbers under /proc, for the calls and the resources that show them."""

import os
from collections.abc import Iterable

TICKS = os.sysconf("SC_CLK_TCK")
"""How many of the kernel's ticks are a second."""


def read_stat(text: str) -> list[tuple[str, list[int]]]:
    """Return the lines of /proc/stat, each with its name and numbers; times are in ticks."""
    rows = (line.split() for line in text.splitlines())
    return [(name, [int(value) for value in values]) for name, *values in rows]


def read_meminfo(text: str) -> dict[str, int]:
    """Return /proc/meminfo in KiB, by names in lower case without marks, such as activeanon."""
    values = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        plain = name.lower().replace("(", "").replace(")", "").replace("_", "")
        values[plain] = int(rest.split()[0])
    return values


def seconds(names: Iterable[str], ticks: Iterable[int]) -> dict[str, float]:
    """Return processor times by `names`; an older kernel has fewer of them."""
    return {name: value / TICKS for name, value in zip(names, ticks, strict=False)}
