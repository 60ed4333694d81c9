# SPDX-License-Identifier: Apache-2.0
"""GRUB. Its `error: ` lines mean something only while it runs."""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

PATTERNS: Final = (
    Pattern(Stage.GRUB, r"Welcome to GRUB!"),
    Pattern(Stage.GRUB, r"GNU GRUB +version \d"),
    Pattern(Stage.GRUB, r"^ *Booting [`'].+'", Repeat.NEWS),
    Pattern(
        Stage.GRUB_ERROR,
        r"^error: .*(bad shim signature|verification requested|prohibited by secure boot)",
        only_in=Stage.GRUB,
        advice="Secure Boot does not let GRUB load our kernel: switch Secure Boot off in the"
        " firmware's setup",
    ),
    Pattern(
        Stage.GRUB_ERROR,
        r"^error: .*out of memory",
        only_in=Stage.GRUB,
        advice="the kernel and initramfs do not fit into the memory that the firmware gave GRUB:"
        " leave out extensions, or update the firmware",
    ),
    Pattern(
        Stage.GRUB_ERROR,
        r"^error: .*(file .* not found|no such (partition|device)|unknown filesystem)",
        only_in=Stage.GRUB,
        advice="GRUB misses this file or partition and tries the other slot; when that fails too,"
        " flash the card again",
    ),
    Pattern(
        Stage.GRUB_ERROR,
        r"^error: .*(failure reading sector|read error|attempt to read or write outside)",
        only_in=Stage.GRUB,
        advice="the disk cannot be read, or is smaller than the image: try another card or cable",
    ),
    Pattern(
        Stage.GRUB_ERROR,
        # Without a screen this one is said at every boot.
        r"^error: (?!no suitable video mode|no video mode)",
        only_in=Stage.GRUB,
        advice="GRUB could not do this and goes on if it can; when no kernel starts, flash the card"
        " again and take additions of your own out of grub.cfg",
    ),
    Pattern(
        Stage.GRUB_FAILED,
        r"^alloc magic is broken",
        advice="GRUB's memory is corrupt: cut the power, and if it comes back update the firmware",
    ),
    Pattern(
        Stage.GRUB_FAILED,
        r"^grub rescue> $",
        is_prompt=True,
        advice="GRUB cannot find its own files on the first partition: flash the card again",
    ),
    Pattern(
        Stage.GRUB_FAILED,
        r"^grub> $",
        is_prompt=True,
        advice="GRUB waits for somebody to type, because it found no grub.cfg or a key was pressed:"
        " cut the power, and if it comes back flash the card again",
    ),
)
