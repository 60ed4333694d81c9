# SPDX-License-Identifier: Apache-2.0
"""Extensions put together: fetched, checked, and laid over the root file system.

`compose` finds out everything, and everything that is wrong; `Composition.place` only copies.
"""

import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from boards.profile import Arch
from edge import __version__
from edge.errors import BoardError, ImageError, InputError
from edge.events import Listener, step
from flasher.debian.fetch import Cache, Packages, fetch_closure, fetch_files, unpack
from flasher.debian.module import ModuleTree
from flasher.extension.catalog import Extension
from flasher.extension.entry import Entry
from flasher.extension.gather import gather
from flasher.extension.library import PackageTree
from flasher.extension.licence import licences

OURS = "edgectl"
SCHEMATIC = "schematic"
_MOST_LINKS = 40
_NO_PACKAGE = re.compile(r"Unable to locate package (\S+)")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What extensions add to an image, and what the image says of them."""

    entries: Mapping[str, Entry]
    modules: tuple[str, ...]
    """Kernel modules to put in besides the board's."""
    preload: tuple[str, ...]
    records: tuple[Record, ...]
    """An entry of `extensions` in the image's description for each."""
    packages: Mapping[str, str]
    """Versions of the packages that files were taken of."""

    def place(self, tree: Path) -> None:
        """Put the files into the complete root `tree`, in place of nothing that is there.

        Raises:
            ImageError: when something is there already, with who brought what.
        """
        for entry in self.entries.values():
            _check_place(tree, entry)
        for entry in self.entries.values():
            _place(tree, entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where extensions take things from: a suite through a cache, a kernel, the root's base."""

    arch: Arch
    suite: str
    cache: Cache
    kernel: ModuleTree
    base: Path


def compose(extensions: Sequence[Extension], sources: Sources, listener: Listener) -> Composition:
    """Return what the extensions add; their order does not matter.

    Raises:
        ImageError: with the rule that one of them breaks, its name and the file's.
    """
    _check_names(extensions)
    entries: dict[str, Entry] = {}
    records: list[Record] = []
    packages: dict[str, str] = {}
    ordered = sorted(extensions, key=lambda each: each.name)
    for extension in ordered:
        with step(listener, f"extension {extension.name}") as running:
            _check_fit(extension, sources)
            fetched = _fetch(extension, sources, listener)
            unpacked = {
                name: unpack(sources.cache, file, listener) for name, file in fetched.files.items()
            }
            found = gather(extension, sources.arch, PackageTree(unpacked), _looker(sources.base))
            _merge(entries, found)
            used = {each.package for each in found.values() if each.package}
            versions = {name: fetched.versions[name] for name in sorted(used)}
            packages |= versions
            records.append(_record(extension, found, versions, unpacked))
            running.detail = f"{len(found)} files of {len(versions)} packages"
    return Composition(
        entries=dict(sorted(entries.items())),
        modules=_each_once(each.document.modules for each in ordered),
        preload=_each_once(each.document.preload for each in ordered),
        records=tuple(records),
        packages=packages,
    )


def is_in(base: Path, path: str) -> bool:
    """Say whether the root in `base` has `path`, its links read as the root itself reads them."""
    links = _MOST_LINKS
    done, waiting = PurePosixPath(), list(reversed(PurePosixPath(path.lstrip("/")).parts))
    while waiting:
        part = waiting.pop()
        if part == "..":
            done = done.parent
            continue
        place = base / done / part
        if not place.is_symlink():
            done /= part
            if not place.exists():
                return False
            continue
        links -= 1
        if not links:
            return False
        target = PurePosixPath(place.readlink())
        if target.is_absolute():
            done = PurePosixPath()
        waiting += reversed([each for each in target.parts if each != "/"])
    return True


def schematic_record(schematic_id: str) -> Record:
    """Return the entry by which an image names its schematic, as upstream's images do."""
    return {
        "name": SCHEMATIC,
        "version": schematic_id,
        "author": OURS,
        "description": "The schematic that this image was built of.",
    }


def _check_names(extensions: Iterable[Extension]) -> None:
    seen: dict[str, Extension] = {}
    services: dict[str, str] = {}
    for each in extensions:
        if each.name in seen:
            raise InputError(f"extension {each.name} is wanted twice")
        if each.name == SCHEMATIC:
            raise InputError(f"extension {SCHEMATIC}: the name is the schematic's own")
        seen[each.name] = each
        for service in each.document.services:
            if service.name in services:
                raise InputError(
                    f"extensions {services[service.name]} and {each.name} both have"
                    f" a service {service.name}"
                )
            services[service.name] = each.name


def _check_fit(extension: Extension, sources: Sources) -> None:
    document = extension.document
    if sources.arch not in document.arch:
        raise BoardError(
            f"extension {extension.name} is for {', '.join(document.arch)},"
            f" the board for {sources.arch}"
        )
    if missing := [name for name in document.modules if name not in sources.kernel]:
        raise ImageError(
            f"extension {extension.name}: kernel {sources.kernel.version}"
            f" has no module {', '.join(missing)}"
        )


def _fetch(extension: Extension, sources: Sources, listener: Listener) -> Packages:
    document = extension.document
    if not document.packages:
        return Packages(digest="", versions={}, files={})
    fetch = fetch_closure if document.dependencies == "all" else fetch_files
    try:
        return fetch(
            sources.cache,
            sources.arch,
            sources.suite,
            sorted(document.packages),
            listener=listener,
        )
    except ImageError as error:
        message, hint = error.message, error.hint
        if unknown := _NO_PACKAGE.search(message):
            message = f"there is no package {unknown[1]} in Debian {sources.suite}"
            hint = "its name may be another one there, or it is for other processors"
        raise ImageError(f"extension {extension.name}: {message}", hint=hint) from error


def _looker(base: Path) -> Callable[[str], bool]:
    return lambda path: is_in(base, path)


def _merge(entries: dict[str, Entry], found: Mapping[str, Entry]) -> None:
    for path, entry in found.items():
        other = entries.get(path)
        if other and not _is_same(entry, other):
            raise ImageError(
                f"extensions {other.extension} and {entry.extension} both bring {path}"
            )
        entries.setdefault(path, entry)


def _is_same(one: Entry, other: Entry) -> bool:
    """Say whether two extensions take the same of a package, equal to the last byte."""
    shared = bool(one.package and other.package)
    if not shared or one.link != other.link:
        return False
    return other.source is None or one.is_same_as(other.source)


def _record(
    extension: Extension,
    found: Mapping[str, Entry],
    versions: Mapping[str, str],
    unpacked: Mapping[str, Path],
) -> Record:
    document = extension.document
    first = next((versions[name] for name in document.packages if name in versions), "")
    licensed = {name: list(licences(unpacked, name)) for name in versions}
    record = {
        "name": extension.name,
        "version": document.version or first or __version__,
        "author": document.author or (OURS if extension.folder is None else ""),
        "description": document.summary,
        "packages": dict(versions),
        "licences": {name: names for name, names in licensed.items() if names},
        "programs": [path for path, each in found.items() if each.is_program],
        "images": [path for path, each in found.items() if each.role == "image"],
        "modules": list(document.modules),
        "services": [
            each.model_dump(mode="json", exclude_defaults=True) for each in document.services
        ],
    }
    return {key: value for key, value in record.items() if value}


def _check_place(tree: Path, entry: Entry) -> None:
    place = tree / entry.path
    for parent in place.relative_to(tree).parents:
        if (tree / parent).is_symlink() or (tree / parent).is_file():
            raise entry.refuse(f"would lie in {parent}, which the base has as something else")
    if not place.is_symlink() and not place.exists():
        return
    is_same = (
        entry.role in {"library", "firmware"}
        and place.is_file()
        and not place.is_symlink()
        and entry.is_same_as(place)
    )
    if not is_same:
        raise entry.refuse("is a file of the base, which no extension may replace")


def _place(tree: Path, entry: Entry) -> None:
    place = tree / entry.path
    if place.exists() and not entry.link:
        return
    for parent in reversed(place.relative_to(tree).parents):
        if not (tree / parent).is_dir():
            (tree / parent).mkdir()
            (tree / parent).chmod(0o755)
    if entry.link:
        place.symlink_to(entry.link)
        return
    if entry.source is not None:
        shutil.copyfile(entry.source, place)
    else:
        place.write_text(entry.text or "")
    place.chmod(entry.mode)


def _each_once(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))
