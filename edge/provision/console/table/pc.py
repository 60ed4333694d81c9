# SPDX-License-Identifier: Apache-2.0
"""The BIOS of PCs, as emulators have it."""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

PATTERNS: Final = (
    Pattern(Stage.FIRMWARE, r"^SeaBIOS \(version", Repeat.STARTS),
    Pattern(
        Stage.FIRMWARE_FAILED,
        r"^No bootable device\.",
        advice="the BIOS found nothing to boot: our images start by UEFI on this kind of machine,"
        " so choose UEFI in its setup, or in the emulator UEFI firmware",
    ),
)
