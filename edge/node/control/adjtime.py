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
        "offset": f"{timex.offset * factor}ns",
        "frequencyAdjustmentRatio": 1 + timex.freq / _MILLION_SCALED,
        "maxError": f"{timex.maxerror}us",
        "estError": f"{timex.esterror}us",
        "status": " | ".join(name for bit, name in _FLAGS.items() if timex.status & bit),
        "constant": timex.constant,
        "syncStatus": not timex.status & _UNSYNCHRONISED,
        "state": _STATES[state] if state < len(_STATES) else str(state),
    }
