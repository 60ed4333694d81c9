# SPDX-License-Identifier: Apache-2.0
"""Checks of the two file systems: that firmware and GRUB can read them, and that they are whole."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from flasher.tool import find_tool
from flasher.verify.check import Check, Outcome, failed, judge, not_applicable, not_checked, ok
from flasher.verify.read.fat import FAT32_LIMIT
from flasher.verify.subject import Subject

_SUPER_AT = 1024
_MAGIC = 0xEF53
# What GRUB's driver understands of the features that change where things are: filetype, meta_bg,
# extent, 64bit, flex_bg.
_READ_BY_GRUB = 0x2 | 0x10 | 0x40 | 0x80 | 0x200
_CHECK_S = 120.0
# Lines that name a fault, not a stage of the work.
_TELLS = re.compile(r"(?!fsck\.fat |e2fsck |Pass \d)\s*\S")


def _check_fat_kind(subject: Subject) -> Outcome:
    efi, part = subject.efi, subject.partition("EFI")
    faults = []
    if efi.clusters < FAT32_LIMIT:
        faults.append(
            f"it has {efi.clusters} clusters; with less than {FAT32_LIMIT} firmware takes it for"
            " FAT16 and finds nothing"
        )
    if not efi.has_fat32_fields:
        faults.append("its boot sector is that of a FAT16")
    if efi.sectors * efi.sector_bytes > part.size_bytes:
        faults.append("it is larger than its partition")
    if efi.label != "EFI":
        faults.append(f"its label is {efi.label!r}, not 'EFI'")
    return judge(faults, f"FAT32 of {efi.clusters} clusters, labelled EFI")


def _check_fat(subject: Subject) -> Outcome:
    return _look(("fsck.vfat", "-n"), subject.copy_partition("EFI"), "fsck.vfat")


def _check_ext_kind(subject: Subject) -> Outcome:
    if not subject.has_boot:
        return not_applicable("kernels lie on the EFI partition of this board")
    subject.file.seek(subject.partition("BOOT").start_bytes + _SUPER_AT)
    block = subject.file.read(1024)
    if int.from_bytes(block[56:58], "little") != _MAGIC:
        return failed("the BOOT partition holds no ext4 file system")
    features = int.from_bytes(block[96:100], "little")
    label = block[120:136].rstrip(b"\0").decode(errors="replace")
    faults = []
    if unknown := features & ~_READ_BY_GRUB:
        faults.append(f"it has features that GRUB does not read: {unknown:#x}")
    if label != "BOOT":
        faults.append(f"its label is {label!r}, not 'BOOT'")
    return judge(faults, "labelled BOOT, with no feature that GRUB's driver does not read")


def _check_ext(subject: Subject) -> Outcome:
    if not subject.has_boot:
        return not_applicable("kernels lie on the EFI partition of this board")
    return _look(("e2fsck", "-f", "-n"), subject.boot.device, "e2fsck")


CHECKS = (
    Check(
        name="fat-kind",
        rule="the EFI partition has as many clusters as a FAT32 must, for readers go by the number",
        evidence="documentation",
        run=_check_fat_kind,
    ),
    Check(
        name="fat-clean",
        rule="fsck.vfat finds nothing to mend on the EFI partition",
        evidence="source",
        run=_check_fat,
    ),
    Check(
        name="ext4-kind",
        rule="the BOOT partition is an ext4 that GRUB can read, under its label",
        evidence="source",
        run=_check_ext_kind,
    ),
    Check(
        name="ext4-clean",
        rule="e2fsck finds nothing to mend on the BOOT partition",
        evidence="source",
        run=_check_ext,
    ),
)


def _look(command: Sequence[str], place: str | Path, program: str) -> Outcome:
    """Run a program that would repair but only looks; anything to mend is a failure."""
    found = find_tool(command[0])
    if found is None:
        return not_checked(program)
    done = subprocess.run(
        (found, *command[1:], place),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_CHECK_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if _TELLS.search(line)]
        return failed(f"{program} says: {' / '.join(lines[:3]) or f'code {done.returncode}'}")
    return ok(f"{program} has nothing to mend")
