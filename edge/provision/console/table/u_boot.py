# SPDX-License-Identifier: Apache-2.0
"""U-Boot and its SPL."""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

_NANO_TREE = (
    "the kernel is too large for the addresses of the Nano's U-Boot and was unpacked over the"
    " device tree: use the stable kernel (below 46 MiB), or boot through EFI and GRUB"
)

PATTERNS: Final = (
    Pattern(Stage.U_BOOT, r"^U-Boot SPL 20\d\d\.\d\d", Repeat.STARTS),
    Pattern(Stage.U_BOOT, r"^U-Boot 20\d\d\.\d\d", Repeat.STARTS),
    Pattern(Stage.U_BOOT, r"^Hit any key to stop autoboot"),
    Pattern(Stage.U_BOOT, r"^\*\* Booting bootflow '.*' with "),
    Pattern(Stage.U_BOOT, r"^(Booting: mmc \d|Retrieving file: )"),
    # No boot entry is stored, which is usual and no trouble: it goes on to EFI/BOOT on the card.
    Pattern(Stage.U_BOOT, r"^EFI boot manager: Cannot load any image"),
    Pattern(Stage.U_BOOT, r"^Starting kernel \.\.\."),
    Pattern(
        Stage.U_BOOT_ERROR,
        r"ERROR: Did not find a cmdline Flattened Device Tree",
        advice="U-Boot moved the kernel over the device tree in memory: boot through EFI and GRUB"
        " as our images do, or take the fdt line out of extlinux.conf",
        families={"tegra210": _NANO_TREE},
    ),
    Pattern(
        Stage.U_BOOT_ERROR,
        r"Boot failed \(err=",
        advice="this way of booting failed and U-Boot tries the next; when none is left, the lines"
        " above name the file that it could not load, so flash the card again",
    ),
    Pattern(
        Stage.U_BOOT_ERROR,
        r"Card did not respond to voltage select",
        advice="U-Boot sees no usable card in this slot: push it in again, and if it stays so try"
        " another card",
    ),
    Pattern(
        Stage.U_BOOT_ERROR,
        r"Bad Linux (ARM64 Image|RISCV Image) magic",
        advice="the kernel file is none for this processor or is compressed in a form that this"
        " U-Boot cannot unpack: build the image for this board",
    ),
    Pattern(
        Stage.U_BOOT_ERROR,
        r'"Synchronous Abort" handler',
        advice="U-Boot itself crashed and restarts the board: take away USB devices and additions"
        " of your own to its environment, then update U-Boot",
    ),
    Pattern(
        Stage.U_BOOT_FAILED,
        r"SPL: failed to boot from all boot devices",
        advice="U-Boot's first part runs but cannot find the second, which lies 8 MiB into the"
        " card: build the image with the whole u-boot-rockchip.bin, not with the SPL alone",
    ),
    Pattern(
        Stage.U_BOOT_FAILED,
        r"No more bootdevs",
        advice="U-Boot found nothing to boot on any disk: see that the card or disk is in the right"
        " place and flash it again for this board",
    ),
    Pattern(
        Stage.U_BOOT_FAILED,
        r"### ERROR ### Please RESET the board",
        advice="U-Boot gave up: cut the power, and if it comes back write U-Boot again",
    ),
    Pattern(
        Stage.U_BOOT_FAILED,
        r"^(U-Boot|=)> $",
        is_prompt=True,
        advice="U-Boot waits for somebody to type: a key was pressed (or noise on its receive line)"
        " or nothing was bootable, so cut the power, and if it comes back flash the card again",
    ),
)
