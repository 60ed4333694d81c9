# SPDX-License-Identifier: Apache-2.0
"""What is wrong when nothing is said, or no text: boards' own complaints are in `table/`."""

from collections.abc import Mapping
from typing import Final

from edge.provision.console.stage import Stage

SILENT: Final = "check the wiring (receive to send), the speed (--baud) and the power"
GARBLED: Final = "what arrives is no text, so the speed is wrong: try --baud"
NO_ADDRESS: Final = "connect its network cable to a network with DHCP"
AWAY: Final = "plug the adapter in again, or start the console server or emulator"

_SPEEDS: Final = (115200, 1500000)
_JETSONS: Final = ("tegra194", "tegra234")

# Where a board stands still after this stage: one sentence on what that means and what to do.
STALLS: Final[Mapping[Stage, str]] = {
    Stage.FIRMWARE: "the firmware started nothing: see that the card holds an image for this very"
    " board, and flash it again",
    Stage.U_BOOT: "U-Boot started nothing that speaks on this console: press a key there to see"
    " what it tried, and flash the card again",
    Stage.UEFI: "the firmware started nothing that speaks on this console: see that the disk holds"
    " an image for this board and comes first in the boot order",
    Stage.GRUB: "GRUB started no kernel that speaks: wait for the other slot, and if that fails too"
    " flash the card again",
    Stage.EFI_STUB: "the kernel was started and is silent, so its console= names another port or it"
    " has no driver for this one: build the image for this very board",
    Stage.KERNEL: "the kernel never came to our loader, so a driver hangs or there is no"
    " initramfs: the last lines say which, and flashing the card again repairs a damaged one",
    Stage.LOADER: "our loader never mounted the root image: flash the card again, and build the"
    " image with the kernel that the profile names",
    Stage.ROOT: "the root image is mounted and its first program is silent: flash the card again",
    Stage.INIT: "PID 1 runs and machined does not: restart the board, and report this log if it"
    " comes back",
    Stage.MACHINED: "machined runs without reaching maintenance, mostly for want of a disk or its"
    " META partition: see that the card was flashed with edgectl flash",
    Stage.MAINTENANCE: "the node waits for its configuration: edgectl apply-config --from-console",
    Stage.RUNNING: "the node runs and is configured: edgectl health says how it is",
    Stage.FOREIGN: "another system than ours came up, from another disk: put ours first in the boot"
    " order, or take the other disk out",
    Stage.RESTARTING: "the board wanted to restart and did not: cut its power",
    Stage.RESTARTED: "the board did not come back from a restart: cut its power, and update its"
    " firmware if it happens again",
    Stage.POWERING_OFF: "the board is switching itself off: wait, then cut its power",
    Stage.POWERED_OFF: "the board is off: cut its power and give it back",
}
_STALLS_BY_FAMILY: Final[Mapping[tuple[Stage, str], str]] = {
    (Stage.EFI_STUB, family): "the kernel was started and is silent, as Debian's is on this Jetson:"
    " build the image with the L4T kernel that the profile asks for"
    for family in _JETSONS
} | {
    (Stage.FIRMWARE, "bcm2711"): "start4.elf started nothing, with a rainbow on the screen and"
    " seven flashes when it finds no kernel: build the image with today's profile and flash it",
}


def explain_silence(connect: str = "") -> str:
    """Return what to do when nothing at all arrives; `connect` says where the board's pins are."""
    return f"{SILENT}: {connect}" if connect else SILENT


def explain_noise(baud: int) -> str:
    """Return what to do when what arrives at this speed is no text."""
    others = " or ".join(str(each) for each in _SPEEDS if each != baud)
    return f"{GARBLED} {others}, and connect ground to ground"


def explain_stall(stage: Stage, family: str = "") -> str:
    """Return what it means when nothing comes after `stage`, on a board of this SoC family."""
    return _STALLS_BY_FAMILY.get((stage, family), STALLS[stage])
