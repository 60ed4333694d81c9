# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a console itself, in a sentence each; boards' troubles are in `table/`."""

from typing import Final

SILENT: Final = "check the wiring (receive to send), the speed (--baud) and the power"
GARBLED: Final = "what arrives is no text, so the speed is wrong: try --baud"
AWAY: Final = "plug the adapter in again, or start the console server or emulator"

_SPEEDS: Final = (115200, 1500000)


def explain_silence(connect: str = "") -> str:
    """Return what to do when nothing at all arrives; `connect` says where the board's pins are."""
    return f"{SILENT}: {connect}" if connect else SILENT


def explain_noise(baud: int) -> str:
    """Return what to do when what arrives at this speed is no text."""
    others = " or ".join(str(each) for each in _SPEEDS if each != baud)
    return f"{GARBLED} {others}, and connect ground to ground"
