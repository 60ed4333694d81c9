# SPDX-License-Identifier: Apache-2.0
"""Checks of sizes: against the addresses that loaders use, and against the memory there is."""

from edge.units import MIB, format_size
from flasher.verify.chain import chain_of
from flasher.verify.check import Check, Outcome, judge, not_applicable
from flasher.verify.files import FALLBACKS
from flasher.verify.read.program import read_efi
from flasher.verify.subject import Subject

# Where U-Boot 2025.01 for the Raspberry Pi puts things unless an uboot.env says otherwise.
_UBOOT_KERNEL, _UBOOT_SCRIPT = 0x00080000, 0x02400000
_UBOOT_TREE = 0x02600000
_ALIGNMENT = 2 * MIB  # where `booti` moves an arm64 Image to
# From 0x80200000, where U-Boot on the Nano moves the kernel, to its device tree.
_NANO_BYTES = 0x83000000 - 0x80200000
_SCRIPTED = ("extlinux/extlinux.conf", "boot/extlinux/extlinux.conf", "boot.scr", "boot.scr.uimg")
_RUNNING_MIB = 96
"""What the system needs beside its own files to reach maintenance: Python and its pages."""


def _check_booti(subject: Subject) -> Outcome:
    scripts = [name for name in _SCRIPTED if subject.efi.has(name)]
    if not scripts:
        return not_applicable(
            "U-Boot's fixed addresses count only where it starts the kernel itself; here no"
            " extlinux.conf or boot.scr makes it do so"
        )
    size = subject.kernel.image_bytes
    faults = []
    if subject.profile.soc == "tegra210":
        if size > _NANO_BYTES:
            faults.append(
                f"the kernel takes {format_size(size)} and {format_size(_NANO_BYTES)} are free"
            )
    elif not subject.efi.has("uboot.env") and _ALIGNMENT + size > _UBOOT_TREE:
        faults.append(
            f"the kernel reaches to {_ALIGNMENT + size:#x}, over the device tree at"
            f" {_UBOOT_TREE:#x}, and no uboot.env gives other addresses"
        )
    return judge(faults, f"{', '.join(scripts)}: the kernel ends at {_ALIGNMENT + size:#x}")


def _check_loader(subject: Subject) -> Outcome:
    name = FALLBACKS[subject.profile.arch]
    if not subject.efi.has("u-boot.bin") or subject.profile.loader.kind != "grub-efi":
        return not_applicable("no U-Boot with fixed addresses loads an EFI program here")
    content = subject.efi.read(name)
    end = _UBOOT_KERNEL + max(len(content), read_efi(content).image_bytes)
    faults = [f"{name} reaches to {end:#x}, over {_UBOOT_SCRIPT:#x}"] * (end > _UBOOT_SCRIPT)
    return judge(
        faults,
        f"{name} ends at {end:#x}, in front of U-Boot's other areas; the kernel's place is"
        " allocated by EFI",
    )


def _check_memory(subject: Subject) -> Outcome:
    chain, emulator = chain_of(subject.profile.soc), subject.profile.emulator
    smallest = chain.smallest_memory_mib
    if emulator is not None and emulator.memory_mib is not None:
        smallest = min(smallest, emulator.memory_mib)
    kernel_file = subject.slot_file("vmlinuz").stat().st_size
    initramfs = subject.slot_file("initramfs").stat().st_size
    # The archive and what is unpacked from it are in memory at the same time.
    needed = kernel_file + subject.kernel.image_bytes + 2 * initramfs + _RUNNING_MIB * MIB
    free = (smallest - chain.reserved_memory_mib) * MIB
    told = f"start takes {format_size(needed)} of the {format_size(free)} of the smallest board"
    return judge([told] if needed > free else [], told)


CHECKS = (
    Check(
        name="load-addresses",
        rule="what U-Boot loads to fixed addresses does not overwrite each other",
        evidence="emulated",
        run=_check_booti,
    ),
    Check(
        name="loader-size",
        rule="the EFI loader fits in front of what U-Boot keeps behind it",
        evidence="source",
        run=_check_loader,
    ),
    Check(
        name="memory",
        rule="kernel and initramfs, loaded and unpacked, fit in the smallest board's memory",
        evidence="unverified",
        run=_check_memory,
    ),
)
