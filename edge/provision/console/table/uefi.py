# SPDX-License-Identifier: Apache-2.0
"""UEFI: EDK2 of emulators, PCs and RK3588 boards, and NVIDIA's on Jetsons."""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

_JETSON_ASSERT = (
    "the Jetson's UEFI stopped at a fault of its own, which 36.4 does when the operating system is"
    " described by ACPI: choose Device Tree in its setup (ESC), or update it to a later L4T"
)
_JETSON_NOTHING = (
    "the Jetson's UEFI found nothing to boot: see that the disk holds EFI/BOOT/BOOTAA64.EFI and"
    " that this module can boot from it (production modules boot from NVMe and USB only)"
)

PATTERNS: Final = (
    Pattern(Stage.UEFI, r"UEFI firmware \(version", Repeat.STARTS),
    Pattern(Stage.UEFI, r"BdsDxe: (loading|starting) Boot[0-9A-F]{4}"),
    Pattern(
        Stage.UEFI_ERROR,
        r"BdsDxe: failed to (load|start) Boot[0-9A-F]{4}.*(Access Denied|Security Violation)",
        advice="Secure Boot refuses our loader, which is not signed: switch Secure Boot off in the"
        " firmware's setup",
    ),
    Pattern(
        Stage.UEFI_ERROR,
        r"BdsDxe: failed to (load|start) Boot[0-9A-F]{4}",
        advice="this entry of the boot order leads nowhere, and the next one is tried: harmless"
        " unless no later entry starts",
    ),
    Pattern(
        Stage.UEFI_ERROR,
        r"^>>Start (PXE|HTTP) ?(Boot)? over IPv[46]",
        advice="the firmware tries the network, so it started nothing from a disk: see that the"
        " disk is in place and holds an image for this board, or wait for its next entry",
    ),
    Pattern(
        Stage.UEFI_ERROR,
        r"^ASSERT(_EFI_ERROR)? [\[(]",
        advice="the firmware stopped at a fault of its own: cut the power, reset its setup to"
        " defaults, and update it if it comes back",
        families=dict.fromkeys(("tegra194", "tegra234"), _JETSON_ASSERT),
    ),
    Pattern(
        Stage.UEFI_FAILED,
        r"^(!!!! .*Exception Type|Synchronous Exception at 0x)",
        advice="the firmware or the loader that it started crashed: cut the power, and if it comes"
        " back flash the card again and update the firmware",
    ),
    Pattern(
        Stage.UEFI_FAILED,
        r"No bootable option",
        advice="the firmware found nothing to boot: see that the disk is in place, that it holds"
        " an image for this processor, and that Secure Boot is off",
        families=dict.fromkeys(("tegra194", "tegra234"), _JETSON_NOTHING),
    ),
    Pattern(
        Stage.UEFI_FAILED,
        r"^Shell> $",
        is_prompt=True,
        advice="the firmware's shell waits for somebody to type, because no disk was bootable: see"
        " that the disk is in place and holds an image for this processor",
    ),
)
