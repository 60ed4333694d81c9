# SPDX-License-Identifier: Apache-2.0
"""Sizes in bytes and times in seconds, read from and shown to people."""

import re

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_FACTORS = {
    "": 1,
    "b": 1,
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)},
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)},
    **{letter: 1024**power for power, letter in enumerate("kmgt", start=1)},
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)

_DURATION_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")


def parse_size(text: str) -> int:
    """Return the number of bytes in `text`, such as "8GiB", "512M" (binary) or "1.5GB".

    Raises:
        ValueError: when `text` is not a number with a known unit.
    """
    match = _SIZE.fullmatch(text)
    if not match or match[2].lower() not in _FACTORS:
        raise ValueError(f"not a size: {text!r}")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def format_size(size_bytes: int) -> str:
    """Return `size_bytes` in the largest binary unit that leaves at least one whole."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def format_duration(seconds: float) -> str:
    """Return `seconds` as people say it: "0.4 s", "12 s", "3 min 5 s", "2 h 1 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def parse_duration(text: str) -> float:
    """Return the seconds in a duration such as "1m30s", "500ms" or "24h".

    Raises:
        ValueError: when `text` is not a sequence of numbers with units.
    """
    parts = _DURATION_PART.findall(text)
    if text == "0":
        return 0.0
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r}")
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)
