# SPDX-License-Identifier: Apache-2.0
"""Linux from its EFI stub to its end, ours or another's."""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

_STEPPING = (
    "this is what the device tree of the other stepping does to a Pi 5 with a D0 chip (Rev 1.1, 2"
    " GB, 16 GB): build the image with today's profile, and never set device_tree= in config.txt"
)
_STORAGE = (
    "the kernel cannot read the disk reliably: push the card in again, use a better power supply,"
    " and replace the card if it comes back"
)

PATTERNS: Final = (
    Pattern(Stage.EFI_STUB, r"EFI stub: (Booting Linux|Exiting boot services|Loaded initrd)"),
    Pattern(Stage.KERNEL, r"^Linux version \S+", Repeat.STARTS),
    Pattern(Stage.KERNEL, r"^(Freeing unused kernel (memory|image)|Run /init as init process)"),
    Pattern(
        Stage.KERNEL_ERROR,
        r"brcmstb_pull_config_set",
        advice=_STEPPING,
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"rp1_pci\b.*Missing of_node",
        advice="the device tree on the card is not the kernel's own, so network and USB stay dead:"
        " use the trees that the image brings, and no overlays made for another kernel",
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"[Uu]nder-?voltage detected",
        advice="the power supply is too weak or its cable too long, which corrupts cards: use the"
        " board's own supply",
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"critical temperature reached",
        advice="the board is too hot and switches itself off: give it a heat sink or a fan",
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"(I/O error, dev |Buffer I/O error on dev |SQUASHFS error|EXT4-fs error)",
        advice=_STORAGE,
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"^mmc\d+: .*(error -110|[Tt]imeout waiting for hardware)",
        advice=_STORAGE,
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"^Initramfs unpacking failed",
        advice="the initramfs was damaged on its way into memory: flash the card again, and check"
        " the memory if it comes back",
    ),
    Pattern(
        Stage.KERNEL_FAILED,
        r"Kernel panic - not syncing: Asynchronous SError",
        advice="the hardware answered an access with an error, mostly because the device tree is"
        " another board's or stepping's: build the image for this very board",
        families={"bcm2712": _STEPPING},
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"^(Asynchronous SError|SError Interrupt on CPU)",
        advice="the hardware answered an access with an error, mostly because the device tree is"
        " another board's or stepping's: build the image for this very board",
        families={"bcm2712": _STEPPING},
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"^(Internal error: |BUG: |Oops: |Unable to handle kernel )",
        advice="the kernel stumbled over a fault of its own; keep this log (--log), cut the power"
        " if the node does not answer, and try another kernel or without your own modules",
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"^(watchdog: BUG: soft lockup|rcu: INFO: rcu_\w+ (self-)?detected stall)",
        advice="a processor was busy for many seconds: in an emulator the host is overloaded, on a"
        " board a driver hangs, so update its firmware and take off devices one by one",
    ),
    Pattern(
        Stage.KERNEL_ERROR,
        r"^INFO: task .* blocked for more than \d+ seconds",
        advice=_STORAGE,
    ),
    Pattern(
        Stage.KERNEL_FAILED,
        r"VFS: Unable to mount root fs",
        advice="the kernel got no initramfs and has no driver for a root of its own: flash the card"
        " again, and see that the loader's configuration names the initramfs",
    ),
    Pattern(
        Stage.KERNEL_FAILED,
        r"Kernel panic - not syncing: .*(Attempted to kill init|No working init)",
        advice="the first program of the system ended; the line before says why, and flashing the"
        " card again repairs a damaged one",
    ),
    Pattern(
        Stage.KERNEL_FAILED,
        r"Kernel panic - not syncing: .*([Oo]ut of memory|deadlocked on memory)",
        advice="the board has too little memory for this image: leave out extensions, or give the"
        " emulator more",
    ),
    Pattern(
        Stage.KERNEL_FAILED,
        r"Kernel panic - not syncing",
        advice="the kernel stopped for good; the watchdog or panic= restarts it, and the other slot"
        " is tried, so flash the card again only if both fail",
    ),
    Pattern(Stage.RESTARTING, r"^Rebooting in \d+ seconds"),
    Pattern(Stage.RESTARTED, r"^reboot: Restarting system"),
    Pattern(Stage.POWERED_OFF, r"^reboot: (Power down|Power off not available|System halted)"),
    Pattern(Stage.POWERED_OFF, r"^Power off not available: System halted"),
    Pattern(Stage.FOREIGN, r"^systemd\[1\]: .* running in system mode"),
    Pattern(Stage.FOREIGN, r"^\S+ login: $", is_prompt=True),
)
