# SPDX-License-Identifier: Apache-2.0
"""How long ago something was, as people say it."""

from datetime import datetime

_DAY_S = 86400
_NEAR_DAYS = 60


def tell_age(time: datetime | None, now: datetime) -> str:
    """Return "3 hours ago", "12 days ago", "on 2023-04-01", or nothing for no time."""
    if time is None:
        return ""
    seconds = (now - time).total_seconds()
    if seconds < -_DAY_S or seconds >= _NEAR_DAYS * _DAY_S:
        return f"on {time.date().isoformat()}"
    for size, unit in ((_DAY_S, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return _count(int(seconds // size), unit)
    return "just now"


def _count(number: int, unit: str) -> str:
    return f"1 {unit} ago" if number == 1 else f"{number} {unit}s ago"
