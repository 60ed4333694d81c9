# SPDX-License-Identifier: Apache-2.0
"""Checks of the root file system: what must never be in it, and that it is this board's."""

import shutil

from flasher.image.seal import SEAL, hash_files
from flasher.verify.check import Check, Outcome, judge, ok
from flasher.verify.read.program import elf_arch
from flasher.verify.read.squash import extract_root
from flasher.verify.subject import Subject

FORBIDDEN = frozenset(
    {
        *("sh", "bash", "dash", "ash", "zsh", "ksh", "csh", "tcsh", "fish", "busybox", "toybox"),
        *("sshd", "ssh", "dropbear", "telnetd", "login", "getty", "agetty", "su", "sudo"),
        *("apt", "apt-get", "dpkg", "rpm", "apk", "pip", "pip3", "snap", "uv"),
        *("perl", "ruby", "lua", "node", "awk", "gawk", "mawk", "tclsh", "gdb", "openssl"),
    }
)
"""Programs that would let somebody in, or change the system from inside."""

_INIT = "usr/lib/python3/dist-packages/edge/node/init.py"
_PROGRAMS = ("usr/bin", "usr/sbin")
_MADE_AT_BOOT = ("proc/", "run/", "var/")


def _check_programs(subject: Subject) -> Outcome:
    found = sorted(
        path
        for path, each in subject.root.items()
        if path.rpartition("/")[2] in FORBIDDEN and not each.mode.startswith("d")
    )
    runnable = sum(each.is_executable and ".so" not in each.path for each in subject.root.values())
    return judge(
        [f"/{path} is there" for path in found], f"{runnable} programs, none that lets somebody in"
    )


def _check_modes(subject: Subject) -> Outcome:
    faults = []
    for path, each in subject.root.items():
        if any(mark in "sS" for mark in (each.mode[3], each.mode[6])):
            faults.append(f"/{path} runs with the rights of its owner ({each.mode})")
        if each.owner != "0/0":
            faults.append(f"/{path} belongs to {each.owner}")
        if each.mode[8] == "w" and not each.is_link and "t" not in each.mode:
            faults.append(f"/{path} may be written by anybody ({each.mode})")
        if each.mode[0] in "bc":
            faults.append(f"/{path} is a device")
    return judge(faults[:5], f"{len(subject.root)} files, all of them root's and none setuid")


def _check_links(subject: Subject) -> Outcome:
    links = [each for each in subject.root.values() if each.is_link]
    resolved = [(each, _resolve(subject, each.path, each.target)) for each in links]
    faults = [
        f"/{each.path} leads to {each.target}, which is not there"
        for each, target in resolved
        if not target.startswith(_MADE_AT_BOOT) and target not in subject.root
    ]
    return judge(faults[:5], f"{len(links)} links lead somewhere")


def _check_arch(subject: Subject) -> Outcome:
    wanted, faults, count = subject.profile.arch, [], 0
    for folder in _PROGRAMS:
        for path in sorted((subject.extracted / folder).glob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                start = file.read(128)
            arch = elf_arch(start)
            count += 1
            if arch != wanted and not _is_script(subject, start):
                faults.append(f"/{folder}/{path.name} is for {arch or 'no processor'}")
    if not count:
        faults.append("there are no programs in it")
    if not any(name.startswith(_INIT.removesuffix("init.py")) for name in subject.root):
        faults.append(f"/{_INIT} is missing, the node's first module")
    return judge(faults, f"{count} programs for {wanted}")


def _check_identity(subject: Subject) -> Outcome:
    identity, profile = subject.identity, subject.profile
    kernel = subject.kernel.version
    wanted = {"board": profile.name, "arch": profile.arch, "kernel": kernel}
    if subject.described is not None:
        wanted["version"] = str(subject.described.get("version"))
    faults = [
        f"{key} is {identity.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if identity.get(key) != value
    ]
    version = identity.get("version")
    return judge(faults, f"version {version} for {profile.name}, {profile.arch}, kernel {kernel}")


def _check_whole(subject: Subject) -> Outcome:
    whole = subject.work / "whole-root"
    try:
        extract_root(subject.slot_file("initramfs"), subject.root_offset, (), whole)
        recorded = subject.identity.get(SEAL)
        if recorded is None:
            return ok("all of it can be read; this image was built before a hash was recorded")
        faults = []
        if hash_files(whole) != recorded:
            faults.append("a file differs from what was recorded: the image is damaged or changed")
        return judge(faults, "every file is as it was recorded, to the byte")
    finally:
        shutil.rmtree(whole, ignore_errors=True)


CHECKS = (
    Check(
        name="root-whole",
        rule="every file of the root can be read and is the one that the builder recorded",
        evidence="source",
        run=_check_whole,
    ),
    Check(
        name="root-programs",
        rule="no shell, login, package manager or other interpreter is in the root",
        evidence="source",
        run=_check_programs,
    ),
    Check(
        name="root-modes",
        rule="nothing in the root is setuid, a device, another's, or for anybody to write",
        evidence="source",
        run=_check_modes,
    ),
    Check(
        name="root-links",
        rule="links in the root lead to something that is there",
        evidence="source",
        run=_check_links,
    ),
    Check(
        name="root-arch",
        rule="the programs of the root are for the board's processor, the node's own among them",
        evidence="source",
        run=_check_arch,
    ),
    Check(
        name="root-identity",
        rule="what the image says of itself on the node is true",
        evidence="source",
        run=_check_identity,
    ),
)


def _is_script(subject: Subject, start: bytes) -> bool:
    """Say whether a program begins as a script for an interpreter that the root has."""
    words = start.partition(b"\n")[0].removeprefix(b"#!").split()
    is_script = start.startswith(b"#!") and bool(words)
    return is_script and _resolve(subject, "", words[0].decode(errors="replace")) in subject.root


def _resolve(subject: Subject, path: str, target: str) -> str:
    """Return where a link leads, through other links on the way."""
    parts = [] if target.startswith("/") else path.split("/")[:-1]
    todo = list(filter(None, target.split("/")))
    for _ in range(64):
        if not todo:
            break
        part = todo.pop(0)
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            here = subject.root.get("/".join((*parts, part)))
            if here is not None and here.is_link:
                parts = [] if here.target.startswith("/") else parts
                todo = [*filter(None, here.target.split("/")), *todo]
            else:
                parts.append(part)
    return "/".join(parts)
