# SPDX-License-Identifier: Apache-2.0
"""The kernel's clock discipline, as adjtimex(2) reports it; nothing is adjusted here."""

import ctypes
import os
from typing import Any

_UNSYNCHRONISED, _NANOSECONDS = 0x40, 0x2000
_STATES = ("OK", "INS", "DEL", "OOP", "WAIT", "ERROR")
_FLAGS = {
    0x1: "PLL",
    0x2: "PPSFREQ",
    0x4: "PPSTIME",
    0x8: "FLL",
    0x10: "INS",
    0x20: "DEL",
    0x40: "UNSYNC",
    0x80: "FREQHOLD",
    0x2000: "NANO",
}
_MILLION_SCALED = 65536e6
_LONG = ctypes.c_long


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", _LONG),
        ("freq", _LONG),
        ("maxerror", _LONG),
        ("esterror", _LONG),
        ("status", ctypes.c_int),
        ("constant", _LONG),
        # What the call fills beyond this is not looked at.
        ("rest", ctypes.c_byte * 256),
    )


def read_adjtime() -> dict[str, Any]:
    """Return the state of the kernel's clock.

    Raises:
        OSError: when the kernel does not say.
    """
    library = ctypes.CDLL(None, use_errno=True)
    timex = _Timex()
    state = library.adjtimex(ctypes.byref(timex))
    if state < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    factor = 1 if timex.status & _NANOSECONDS else 1000
    return {
        "offset": go_duration(timex.offset * factor),
        "frequencyAdjustmentRatio": 1 + timex.freq / _MILLION_SCALED,
        "maxError": go_duration(timex.maxerror * 1000),
        "estError": go_duration(timex.esterror * 1000),
        "status": " | ".join(name for bit, name in _FLAGS.items() if timex.status & bit),
        "constant": timex.constant,
        "syncStatus": not timex.status & _UNSYNCHRONISED,
        "state": _STATES[state] if state < len(_STATES) else str(state),
    }


def go_duration(nanoseconds: int) -> str:
    """Return a time in the one unit that Go writes it with, such as "1.5ms" or "-20µs"."""
    if nanoseconds == 0:
        return "0s"
    for unit, factor in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if abs(nanoseconds) >= factor:
            return f"{nanoseconds / factor:.9f}".rstrip("0").rstrip(".") + unit
    return f"{nanoseconds}ns"
