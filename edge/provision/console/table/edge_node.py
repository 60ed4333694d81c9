# SPDX-License-Identifier: Apache-2.0
"""What our own loader, PID 1 and machined print: `edge: ` and a word."""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

PATTERNS: Final = (
    Pattern(
        Stage.LOADER_FAILED,
        r"^edge: loader: .*: error \d+",
        advice="our loader could not take this step, so the boot partition is damaged or the kernel"
        " lacks loop or squashfs: flash the card again, or build the image with its kernel",
    ),
    Pattern(
        Stage.MACHINED_ERROR,
        r"^edge: machined ended with ",
        advice="the node's main program crashed and is started again; if it goes on, keep this"
        " log (--log) and report it",
    ),
    Pattern(
        Stage.INIT_ERROR,
        r"^edge: (preparing the machine failed|image description is unreadable)",
        advice="the node starts without part of its preparation; flash the card again if it does"
        " not reach maintenance",
    ),
    Pattern(
        Stage.INIT_ERROR,
        r"^edge: cannot (mount|unmount) ",
        advice="a file system of the node cannot be used; look at `edgectl dmesg` once it answers,"
        " and replace the card if it is worn out",
    ),
    Pattern(
        Stage.INIT_ERROR,
        r"^edge: cannot load module ",
        advice="a driver of the image does not fit its kernel; build the image again, and leave"
        " out modules of your own that were made for another kernel",
    ),
    Pattern(Stage.LOADER, r"^edge: loader\b"),
    Pattern(Stage.ROOT, r"^edge: root mounted\b"),
    Pattern(Stage.INIT, r"^edge: init\b"),
    Pattern(Stage.MACHINED, r"^edge: machined started\b"),
    Pattern(Stage.MAINTENANCE, r"^edge: maintenance\b", Repeat.NEWS),
    Pattern(Stage.RUNNING, r"^edge: running\b", Repeat.NEWS),
    Pattern(Stage.RESTARTING, r"^edge: rebooting\b"),
    Pattern(Stage.POWERING_OFF, r"^edge: powering off\b"),
)
