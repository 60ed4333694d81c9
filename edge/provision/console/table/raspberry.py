# SPDX-License-Identifier: Apache-2.0
"""Raspberry Pi: the EEPROM, then start4.elf, or on the 5 the EEPROM alone and BL31.

The EEPROM speaks with `BOOT_UART=1` in its configuration, start4.elf with `uart_2ndstage=1` in
config.txt. What the green LED says by flashes cannot be read here: 4 are a missing start*.elf,
7 a missing kernel.
"""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

_PI4_KERNEL = (
    "start4.elf cannot find the kernel file that config.txt names: an EEPROM from February 2025 on"
    " with a start4.elf older than that does this on every GPT card, so build the image with"
    " today's profile and flash it again"
)
_PI5_KERNEL = (
    "the EEPROM cannot find the kernel file that config.txt names; flash the card again, and do"
    " not rename files on its first partition"
)

PATTERNS: Final = (
    Pattern(Stage.FIRMWARE, r"RPi: BOOTSYS release VERSION:", Repeat.STARTS),
    Pattern(Stage.FIRMWARE, r"RPi: BOOTLOADER release VERSION:", Repeat.STARTS),
    Pattern(Stage.FIRMWARE, r"^Raspberry Pi Bootcode", Repeat.STARTS),
    Pattern(Stage.FIRMWARE, r"^Boot mode: [A-Z0-9-]+ \(..\) order"),
    Pattern(Stage.FIRMWARE, r"^Starting start4?\.elf @ 0x"),
    Pattern(Stage.FIRMWARE, r"^MESS:\d\d:\d\d:\d\d\.\d+:0: (brfs: File read:|arm_loader: )"),
    Pattern(Stage.FIRMWARE, r"\*\*\* Restart logging"),
    Pattern(Stage.FIRMWARE, r"^dt-match: compatible: .*match: brcm,"),
    Pattern(Stage.FIRMWARE, r"^Loading '[^']*' to 0x"),
    Pattern(Stage.FIRMWARE, r"^NOTICE: +BL31: v"),
    Pattern(
        Stage.FIRMWARE_ERROR,
        r"^(MESS:\S+ )?Failed to open device",
        advice="the board found nothing readable at this place of its boot order and tries the"
        " next: push the card in again, and if it stays so flash another card",
    ),
    Pattern(
        Stage.FIRMWARE_FAILED,
        r"does not indicate support for Raspberry Pi",
        only_in=Stage.FIRMWARE,
        advice="the EEPROM finds no device tree for this board on the card: build the image for"
        " this very board, and for a D0 chip (2 GB, 16 GB, Rev 1.1) with today's profile",
    ),
    Pattern(
        Stage.FIRMWARE_FAILED,
        r"\bstart\w*\.elf\b.* not found",
        advice="there is no firmware on the first FAT partition (the green LED flashes 4 times):"
        " flash an image that is for this board",
    ),
    Pattern(
        Stage.FIRMWARE_FAILED,
        r"\bbootcode\.bin\b.* not found",
        advice="the boot ROM's next file is missing on the first FAT partition: flash an image"
        " that is for this board",
    ),
    Pattern(
        Stage.FIRMWARE_FAILED,
        r"^(ERROR: |MESS:\S+ )?.*\b(kernel\S*|u-boot\.bin|vmlinuz\S*)\b.* not found",
        only_in=Stage.FIRMWARE,
        advice="the firmware cannot find the kernel file that config.txt names (the green LED"
        " flashes 7 times): flash the card again",
        families={"bcm2711": _PI4_KERNEL, "bcm2712": _PI5_KERNEL},
    ),
    Pattern(
        Stage.FIRMWARE_ERROR,
        r"\.(dtb|dtbo|dat|txt|bin|img|gz)\b.* not found",
        only_in=Stage.FIRMWARE,
        advice="the firmware misses this file and goes on without it; flash the card again when"
        " the boot stops soon after",
    ),
)
