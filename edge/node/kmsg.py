# SPDX-License-Identifier: Apache-2.0
"""Kernel log records as the Dmesg call shows them.

A record of /dev/kmsg is `priority,sequence,microseconds,flags;text`, the priority being
facility * 8 + level (kernel documentation, dev-kmsg).
"""

from datetime import UTC, datetime

_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "security", "console", "clock"),
)


def format_record(record: bytes, boot: float) -> str:
    """Return one line of text; `boot` is the Unix time at which the kernel's clock was zero."""
    head, _, body = record.decode(errors="replace").partition(";")
    priority, _sequence, micros, *_ = head.split(",")
    text = body.split("\n", 1)[0]
    return format_line(int(priority), boot + int(micros) / 1e6, text)


def format_line(priority: int, seconds: float, text: str) -> str:
    """Return a line for a syslog `priority` at Unix time `seconds`."""
    number = priority >> 3
    facility = _FACILITIES[number] if number < len(_FACILITIES) else f"local{number - 16}"
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    return f"{facility}: {_LEVELS[priority & 7]:>7}: [{stamp}]: {text}\n"
