# SPDX-License-Identifier: Apache-2.0
"""Checks that programs are for this processor, and that the firmware is new enough."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

from edge.errors import ImageError
from flasher.verify import config_txt
from flasher.verify.chain import chain_of
from flasher.verify.check import Check, Outcome, failed, judge, not_applicable, ok
from flasher.verify.read.program import elf_arch, read_efi
from flasher.verify.subject import Subject

_BUILT = re.compile(rb"VC_BUILD_ID_TIME: ([A-Z][a-z]{2} [ 0-9]\d \d{4})\0")
# Since then it starts from a GPT too when the EEPROM has told it the partition (ADR 18).
_GPT_MENDED = date(2025, 1, 16)
_UBOOT = re.compile(rb"U-Boot (20\d\d\.\d\d)\S* \(")
_ARM64_BRANCH = 0x14


def _check_efi(subject: Subject) -> Outcome:
    names = [
        each.path
        for each in subject.efi.files.values()
        if each.path.lower().endswith(".efi") and not each.is_folder
    ]
    if not names:
        if subject.profile.loader.kind != "grub-efi":
            return not_applicable("this board boots without EFI programs")
        return failed("there is no EFI program at all")
    faults = list(_wrong_programs(subject, names))
    return judge(faults, f"{', '.join(names)} for {subject.profile.arch}")


def _check_kernel(subject: Subject) -> Outcome:
    kernel, wanted = subject.kernel, subject.profile.arch
    if kernel.arch != wanted:
        return failed(f"the kernel is for {kernel.arch}, the board is {wanted}")
    if subject.profile.loader.kind == "grub-efi" and not kernel.has_efi_stub:
        return failed("the kernel has no EFI stub, which is how GRUB starts it")
    name = "arm64 Image" if wanted == "arm64" else "bzImage"
    return ok(f"{name} {kernel.version}, {kernel.image_bytes} bytes in memory".replace("  ", " "))


def _check_uboot(subject: Subject) -> Outcome:
    names = [name for name in subject.efi.files if name.lower().endswith("u-boot.bin")]
    if not names:
        return not_applicable("this image brings no U-Boot")
    faults, told = [], []
    for name in names:
        content = subject.efi.read(name)
        version = _UBOOT.search(content)
        if version is None:
            faults.append(f"{name} is no U-Boot")
        elif content[3] != _ARM64_BRANCH:
            faults.append(f"{name} does not begin with a jump of a 64-bit Arm processor")
        else:
            told.append(f"{name} {version[1].decode()}")
    return judge(faults, ", ".join(told))


def _check_firmware(subject: Subject) -> Outcome:
    names = [name for name in ("start4.elf", "start4cd.elf", "start.elf") if subject.efi.has(name)]
    if not names:
        return not_applicable("this image brings no firmware of the Raspberry Pi")
    is_gpt = subject.table.kind == "gpt" and chain_of(subject.profile.soc).needs_recent_firmware
    faults, told = [], []
    for name in names:
        content = subject.efi.read(name)
        built = _built(content)
        if elf_arch(content) != "VideoCore" or built is None:
            faults.append(f"{name} is no firmware of the Raspberry Pi")
        elif is_gpt and built < _GPT_MENDED:
            faults.append(
                f"{name} was built on {built}: before {_GPT_MENDED} it did not start from a GPT"
                " when the EEPROM is of 2025-02-11 or later"
            )
        else:
            told.append(f"{name} of {built}")
    return judge(faults, ", ".join(told))


def _check_cut_down(subject: Subject) -> Outcome:
    chain = chain_of(subject.profile.soc)
    if not any(each.path.startswith("start") for each in chain.files):
        return not_applicable("this board reads no firmware from the disk")
    by_model = config_txt.settings_by_model(subject).values()
    sizes = sorted({settings.get("gpu_mem", "default") for settings in by_model})
    if "16" not in sizes:
        return ok(f"gpu_mem={' or '.join(sizes)} takes the whole firmware")
    digit = "4" if "start4.elf" in {each.path for each in chain.files} else "_"
    names = [f"start{digit}cd.elf", f"fixup{digit}cd.dat"]
    faults = [f"gpu_mem=16 takes {name}, which is missing" for name in names]
    return judge(
        [fault for fault, name in zip(faults, names, strict=True) if not subject.efi.has(name)],
        f"gpu_mem=16 takes {' and '.join(names)}",
    )


CHECKS = (
    Check(
        name="efi-programs",
        rule="every EFI program is for the board's processor",
        evidence="emulated",
        run=_check_efi,
    ),
    Check(
        name="kernel-image",
        rule="the kernel is an image for the board's processor that its loader can start",
        evidence="emulated",
        run=_check_kernel,
    ),
    Check(
        name="u-boot",
        rule="U-Boot is a U-Boot for 64-bit Arm processors",
        evidence="package",
        run=_check_uboot,
    ),
    Check(
        name="firmware-age",
        rule="the Raspberry Pi firmware is new enough for the partition table",
        evidence="documentation",
        run=_check_firmware,
    ),
    Check(
        name="firmware-variant",
        rule="the variant of the firmware that gpu_mem chooses is there",
        evidence="documentation",
        run=_check_cut_down,
    ),
)


def _wrong_programs(subject: Subject, names: list[str]) -> Iterator[str]:
    for name in names:
        try:
            program = read_efi(subject.efi.read(name))
        except ImageError as error:
            yield f"{name} {error.message}"
        else:
            if program.arch != subject.profile.arch:
                yield f"{name} is for {program.arch}, the board is {subject.profile.arch}"


def _built(content: bytes) -> date | None:
    """Return the day on which firmware was built, which it carries as a text."""
    found = _BUILT.search(content)
    if found is None:
        return None
    return datetime.strptime(found[1].decode(), "%b %d %Y").replace(tzinfo=UTC).date()
