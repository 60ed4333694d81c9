# SPDX-License-Identifier: Apache-2.0
"""Checks of the kernel's modules: of this kernel, complete, to be found, and all that is needed."""

import re
from dataclasses import dataclass
from pathlib import Path

from boards.kernel import one_of
from edge.errors import ImageError
from flasher.verify.check import Check, Outcome, judge, not_applicable, warning
from flasher.verify.subject import Subject

_FIELD = r"(?:^|\0)%s=([^\0]*)\0"
_VERSION = re.compile((_FIELD % "vermagic").encode())
_DEPENDS = re.compile((_FIELD % "depends").encode())
_ALIAS = re.compile(rb"(?<=\0)alias=([^\0]*)\0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleInfo:
    """What a module declares: the kernel it was built for, what it needs, what it drives."""

    version: str
    depends: tuple[str, ...]
    aliases: tuple[str, ...]


def read_modinfo(content: bytes) -> ModuleInfo:
    """Return what is written in a module; its fields are texts between NUL bytes."""
    version, depends = _VERSION.search(content), _DEPENDS.search(content)
    needed = depends[1].decode().split(",") if depends else []
    return ModuleInfo(
        version=version[1].split(b" ")[0].decode() if version else "",
        depends=tuple(name.replace("-", "_") for name in needed if name),
        aliases=tuple(alias.decode(errors="replace") for alias in _ALIAS.findall(content)),
    )


def built_in(subject: Subject) -> frozenset[str] | None:
    """Return which of the wanted modules are part of the kernel itself, if the image tells."""
    named = subject.identity.get("built_in")
    return None if named is None else frozenset(map(str, named))


def modules_of(subject: Subject) -> dict[str, ModuleInfo]:
    """Return every module of the root by name."""
    return {_name(path.name): read_modinfo(path.read_bytes()) for path in _files(subject)}


def _check_version(subject: Subject) -> Outcome:
    kernel, folder = subject.kernel.version, _folder(subject)
    modules = modules_of(subject)
    faults = []
    if folder.name != kernel:
        faults.append(f"modules are of kernel {folder.name}, the kernel is {kernel}")
    faults += [
        f"{name} is of kernel {info.version or 'unknown'}"
        for name, info in modules.items()
        if info.version != folder.name
    ]
    return judge(faults, f"{len(modules)} modules of kernel {kernel}")


def _check_closure(subject: Subject) -> Outcome:
    modules = modules_of(subject)
    faults = [
        f"{name} needs {needed}, which is not in the image"
        for name, info in modules.items()
        for needed in info.depends
        if needed not in modules
    ]
    index = _dependency_index(subject)
    faults += [
        f"modules.dep does not lead from {name} to {needed}"
        for name, info in modules.items()
        for needed in info.depends
        if needed in modules and needed not in index.get(name, ())
    ]
    return judge(faults, f"nothing that {len(modules)} modules need is missing")


def _check_alias(subject: Subject) -> Outcome:
    lines = (_folder(subject) / "modules.alias").read_text().splitlines()
    known = {tuple(line.split()[1:3]) for line in lines if line.startswith("alias ")}
    modules = modules_of(subject)
    faults = [
        f"modules.alias does not lead from {alias} to {name}"
        for name, info in modules.items()
        for alias in info.aliases
        if (alias, name) not in known
    ]
    return judge(faults[:5], f"{len(known)} names of hardware lead to their driver")


def _check_drivers(subject: Subject) -> Outcome:
    kernel = subject.profile.kernel
    needs = {"its disk": kernel.needs.disk, "its network": kernel.needs.network}
    if not any(needs.values()) and not kernel.modules:
        return not_applicable("the profile names no drivers")
    inherent = built_in(subject)
    there = {*modules_of(subject), *(inherent or ())}
    faults = [
        f"{_either(entry)} is missing, without which the board does not reach {what}"
        for what, entries in needs.items()
        for entry in entries
        if there.isdisjoint(one_of(entry))
    ]
    replaceable = kernel.needs.alternatives
    others = [name for name in kernel.modules if name not in there | replaceable]
    if others and not faults and (inherent is None or kernel.origin == "file"):
        return warning(f"neither in the image nor known to be built in: {', '.join(others)}")
    faults += [f"{name} is missing, which the profile names" for name in others]
    told = "; ".join(
        f"{what}: {', '.join(map(_either, entries))}" for what, entries in needs.items() if entries
    )
    return judge(faults, told or f"all {len(kernel.modules)} modules that the profile names")


CHECKS = (
    Check(
        name="module-version",
        rule="every module was built for this very kernel, which refuses others",
        evidence="source",
        run=_check_version,
    ),
    Check(
        name="module-closure",
        rule="whatever a module needs is in the image, and modules.dep leads to it",
        evidence="package",
        run=_check_closure,
    ),
    Check(
        name="module-aliases",
        rule="the index by which hardware finds its driver has every name of every module",
        evidence="package",
        run=_check_alias,
    ),
    Check(
        name="drivers",
        rule="the drivers without which the board reaches neither disk nor network are there",
        evidence="package",
        run=_check_drivers,
    ),
)


def _either(entry: str) -> str:
    return " or ".join(one_of(entry))


def _folder(subject: Subject) -> Path:
    folders = sorted((subject.extracted / "usr/lib/modules").glob("*"))
    if len(folders) != 1:
        raise ImageError(f"the root holds modules of {len(folders)} kernels")
    return folders[0]


def _files(subject: Subject) -> list[Path]:
    return sorted(_folder(subject).rglob("*.ko"))


def _dependency_index(subject: Subject) -> dict[str, set[str]]:
    lines = (_folder(subject) / "modules.dep").read_text().splitlines()
    parts = (line.partition(":") for line in lines)
    return {_name(name): {_name(each) for each in needs.split()} for name, _, needs in parts}


def _name(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".ko").replace("-", "_")
