# SPDX-License-Identifier: Apache-2.0
"""NVIDIA Jetson: TegraBoot and CBoot on the Nano, MB1, MB2 and OP-TEE before UEFI on the others."""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

PATTERNS: Final = (
    Pattern(Stage.FIRMWARE, r"\[L4T TegraBoot\] \(version", Repeat.STARTS),
    Pattern(Stage.FIRMWARE, r"Read GPT from \(\d+:\d+\)"),
    Pattern(Stage.FIRMWARE, r"Bootloader downloaded successfully\."),
    Pattern(Stage.FIRMWARE, r"I> MB1 \(version:", Repeat.STARTS),
    Pattern(Stage.FIRMWARE, r"I> (MB2\b|Boot-mode : )"),
    Pattern(Stage.FIRMWARE, r"CPU switching to normal world boot"),
    Pattern(
        Stage.FIRMWARE_ERROR,
        r"I> Welcome to C[Bb]oot",
        advice="the module holds the boot chain of JetPack 4, which has no UEFI: put L4T R35 or"
        " later into its QSPI with NVIDIA's flashing tool, over USB in recovery mode",
    ),
    Pattern(
        Stage.FIRMWARE_ERROR,
        r"E> \S",
        only_in=Stage.FIRMWARE,
        advice="NVIDIA's boot chain reports a fault; if the board goes no further, write its QSPI"
        " again with NVIDIA's flashing tool, over USB in recovery mode",
    ),
    Pattern(Stage.UEFI, r"L4TLauncher: "),
)
