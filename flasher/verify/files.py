# SPDX-License-Identifier: Apache-2.0
"""Checks that every file is there that somebody in the boot chain asks for, by exactly its name."""

from collections.abc import Iterator

from edge.units import format_size
from flasher.image.grub import GRUBENV, LOADER_CONFIG
from flasher.verify.chain import Wanted, chain_of
from flasher.verify.check import Check, Outcome, judge, not_applicable
from flasher.verify.subject import SLOT, Subject

_GROWTH = 4 / 3
"""How much larger the next version of a slot may be."""
FALLBACKS = {"arm64": "EFI/BOOT/BOOTAA64.EFI", "amd64": "EFI/BOOT/BOOTX64.EFI"}
"""Where UEFI looks on a medium that it has no boot entry for."""


def _check_chain(subject: Subject) -> Outcome:
    wanted = list(_wanted(subject))
    faults = [
        f"{each.path} is missing, which {each.by} asks for{_instead(subject, each.path)}"
        for each in wanted
        if not subject.efi.has(each.path)
    ]
    return judge(faults, f"{len(wanted)} files: {', '.join(each.path for each in wanted)}")


def _check_profile(subject: Subject) -> Outcome:
    profile = subject.profile
    targets = [name for each in profile.efi_files for name in each.targets]
    trees = [name for each in profile.device_trees for name in each.targets]
    targets += [path for name in trees for path in subject.tree_paths(name)]
    targets += profile.loader.targets
    if not targets:
        return not_applicable("the profile names no files for the EFI partition")
    faults = [f"{name} is missing" for name in targets if not subject.efi.has(name)]
    faults += [f"{name} is empty" for name in targets if _is_empty(subject, name)]
    return judge(faults, f"all {len(targets)} files that the profile promises")


def _check_slot(subject: Subject) -> Outcome:
    names = ("vmlinuz", "initramfs") if subject.has_boot else _direct_names(subject)
    faults, sizes = [], []
    for name in names:
        if subject.has_boot:
            there = subject.boot.has(f"{SLOT}/{name}")
        else:
            there = subject.efi.has(f"{SLOT}/{name}")
        if not there:
            faults.append(f"{SLOT}/{name} is missing")
        elif not subject.slot_file(name).stat().st_size:
            faults.append(f"{SLOT}/{name} is empty")
        else:
            sizes.append(f"{name} {subject.slot_file(name).stat().st_size}")
    return judge(faults, f"slot {SLOT}: {', '.join(sizes)} bytes")


def _check_room(subject: Subject) -> Outcome:
    needed = sum(subject.slot_file(name).stat().st_size for name in ("vmlinuz", "initramfs"))
    if subject.has_boot:
        free, where = _free_ext(subject), "BOOT"
    else:
        free, where = subject.efi.free_bytes, "the EFI partition"
    told = f"{where} has {format_size(free)} free and a slot takes {format_size(needed)}"
    return judge([told] if free < needed * _GROWTH else [], told)


def _check_forbidden(subject: Subject) -> Outcome:
    forbidden = chain_of(subject.profile.soc).forbidden
    if not forbidden:
        return not_applicable("no file would mislead this board")
    faults = [f"{path} is there: {why}" for path, why in forbidden if subject.efi.has(path)]
    return judge(faults, f"none of {', '.join(path for path, _ in forbidden)}")


CHECKS = (
    Check(
        name="boot-files",
        rule="every file that firmware and loaders ask for is on the EFI partition by that name",
        evidence="documentation",
        run=_check_chain,
    ),
    Check(
        name="profile-files",
        rule="every file that the profile places on the EFI partition is there, and not empty",
        evidence="package",
        run=_check_profile,
    ),
    Check(
        name="slot-files",
        rule="the first slot holds what the loader of this board takes from it",
        evidence="source",
        run=_check_slot,
    ),
    Check(
        name="slot-room",
        rule="there is room for the other slot, with a third to spare: upgrades are written there",
        evidence="source",
        run=_check_room,
    ),
    Check(
        name="misleading-files",
        rule="no file is where a loader would find it and do the wrong thing with it",
        evidence="source",
        run=_check_forbidden,
    ),
)


def _wanted(subject: Subject) -> Iterator[Wanted]:
    """Yield the files of the chip's own chain, its device trees, and those of GRUB."""
    chain, profile = chain_of(subject.profile.soc), subject.profile
    yield from chain.files
    by = "the firmware or U-Boot of one model"
    for path in (path for tree in chain.trees for path in subject.tree_paths(tree.path)):
        yield Wanted(path=path, by=by, evidence=chain.evidence)
    if profile.loader.kind != "rpi-direct":
        yield Wanted(path=FALLBACKS[profile.arch], by="UEFI", evidence="emulated")
        yield Wanted(path=LOADER_CONFIG, by="GRUB", evidence="emulated")
        yield Wanted(path=GRUBENV, by="GRUB", evidence="emulated")


def _direct_names(subject: Subject) -> tuple[str, ...]:
    trees = chain_of(subject.profile.soc).trees
    return ("vmlinuz", "initramfs", "cmdline.txt", *(tree.path for tree in trees))


def _free_ext(subject: Subject) -> int:
    subject.file.seek(subject.partition("BOOT").start_bytes + 1024)
    block = subject.file.read(32)
    blocks, log_size = (int.from_bytes(block[at : at + 4], "little") for at in (12, 24))
    return blocks << 10 + log_size


def _is_empty(subject: Subject, name: str) -> bool:
    found = subject.efi.files.get(name)
    return found is not None and not found.size_bytes


def _instead(subject: Subject, path: str) -> str:
    """Say what is there under a name that differs in capitals only."""
    same = [name for name in subject.efi.files if name.casefold() == path.casefold()]
    return f" (there is {same[0]})" if same else ""
