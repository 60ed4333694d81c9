# SPDX-License-Identifier: Apache-2.0
"""Checks of the initramfs: what the kernel starts, and what that needs to reach the root."""

import re
import stat

from flasher.verify.check import Check, Outcome, judge, not_applicable
from flasher.verify.module import built_in, read_modinfo
from flasher.verify.read.program import elf_arch
from flasher.verify.subject import Subject

_SQUASHFS = b"hsqs"
_CONSOLE = (5, 1)
_NAMES = re.compile(rb"\0(/(?:usr|modules|root\.)[A-Za-z0-9_./+-]*)(?=\0)")
_MOUNTS_THE_ROOT = ("loop", "squashfs")
_MICROCODE = "kernel/x86/microcode/"


def _check_archive(subject: Subject) -> Outcome:
    entries, faults = subject.initramfs, []
    init = entries.get("init")
    if init is None:
        faults.append("there is no init, so the kernel has nothing to start")
    else:
        arch = elf_arch(subject.initramfs_file("init")[:64])
        if not init.mode & 0o111 or arch != subject.profile.arch:
            faults.append(
                f"init is no program for {subject.profile.arch} ({arch or 'no ELF file'})"
            )
    console = entries.get("dev/console")
    if console is None or not stat.S_ISCHR(console.mode) or console.device != _CONSOLE:
        faults.append("dev/console is no console: what init prints would go nowhere")
    if "root.squashfs" not in entries:
        faults.append("there is no root.squashfs")
    elif not subject.initramfs_file("root.squashfs").startswith(_SQUASHFS):
        faults.append("root.squashfs is no squashfs")
    return judge(faults, f"{len(entries)} entries, init for {subject.profile.arch}")


def _check_paths(subject: Subject) -> Outcome:
    # A NUL in front, for a text may be the first thing in the file that follows a code section.
    found = _NAMES.findall(b"\0" + subject.initramfs_file("init"))
    names = sorted({name.decode().strip("/") for name in found})
    inside = [name for name in names if name.startswith("usr/")]
    faults = [
        f"init starts /{name}, which is not in the root"
        for name in inside
        if name not in subject.root
    ]
    faults += [
        f"init opens /{name}, which is not in the initramfs"
        for name in names
        if not name.startswith("usr/") and name not in subject.initramfs
    ]
    programs = [name for name in inside if name in subject.root]
    if not any(subject.root[name].is_executable or subject.root[name].is_link for name in programs):
        faults.append("init starts nothing that can be executed")
    return judge(faults, f"{len(names)} paths, among them /{', /'.join(programs)}")


def _check_modules(subject: Subject) -> Outcome:
    files = [name for name in subject.initramfs if name.endswith(".ko")]
    order = [name.rpartition("/")[2].removesuffix(".ko").replace("-", "_") for name in files]
    inherent = built_in(subject)
    faults = []
    for name, path in zip(order, files, strict=True):
        info = read_modinfo(subject.initramfs_file(path))
        faults += [
            f"{name} needs {needed}, which is not loaded before it"
            for needed in info.depends
            if needed not in order[: order.index(name)]
        ]
        if info.version != subject.kernel.version:
            faults.append(f"{name} is of kernel {info.version or 'unknown'}")
    if inherent is not None:
        faults += [
            f"{name} is missing, without which the root cannot be mounted"
            for name in _MOUNTS_THE_ROOT
            if name not in order and name not in inherent
        ]
    elif missing := [name for name in _MOUNTS_THE_ROOT if name not in order]:
        faults.append(f"{' and '.join(missing)} are not there, and are not known to be built in")
    return judge(faults, f"{', '.join(order) or 'no modules, all is built in'}")


def _check_microcode(subject: Subject) -> Outcome:
    if subject.profile.microcode is None:
        return not_applicable("this board's processor gets no updates from the system")
    names = list(subject.initramfs)
    found = [name for name in names if name.startswith(_MICROCODE) and name != _MICROCODE]
    faults = []
    if not found:
        faults.append(f"there is nothing in {_MICROCODE}")
    elif names.index(found[0]) > names.index("init"):
        faults.append("it is not in front, where the kernel looks for it")
    return judge(faults, ", ".join(found))


CHECKS = (
    Check(
        name="initramfs",
        rule="the kernel finds a program to start, a console for it, and the root file system",
        evidence="emulated",
        run=_check_archive,
    ),
    Check(
        name="init-paths",
        rule="every path that the first program names is there",
        evidence="emulated",
        run=_check_paths,
    ),
    Check(
        name="early-modules",
        rule="the modules that mount the root are there, in an order in which they load",
        evidence="package",
        run=_check_modules,
    ),
    Check(
        name="microcode",
        rule="updates of the processor lie where the kernel applies them from",
        evidence="source",
        run=_check_microcode,
    ),
)
