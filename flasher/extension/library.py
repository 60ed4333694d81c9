# SPDX-License-Identifier: Apache-2.0
"""Where the dynamic loader finds a library on a node, and what to bring so that it does.

Like the loader: the paths that the file itself names first, then the two ordinary folders. There
is no cache of libraries on a node.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from boards.profile import Arch
from flasher.extension.document import triplet
from flasher.extension.elf import Elf
from flasher.extension.entry import Entry

_MERGED = ("bin", "lib", "lib64", "sbin")


class PackageTree:
    """The files of unpacked packages by the path they have on a node."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._files: dict[str, tuple[str, Path]] = {}
        for package, folder in sorted(folders.items()):
            for path in sorted(folder.rglob("*")):
                if path.is_symlink() or not path.is_dir():
                    self._files.setdefault(_merged(path, folder), (package, path))

    def find(self, path: str) -> tuple[str, Path] | None:
        """Return package and place of a file or link, or nothing."""
        return self._files.get(path)

    def matching(self, pattern: str) -> list[tuple[str, str, Path]]:
        """Return path, package and place of all that match a pattern, in order."""
        depth = pattern.count("/")
        return [
            (path, *self._files[path])
            for path in sorted(self._files)
            if path.count("/") == depth and fnmatchcase(path, pattern)
        ]


class Libraries:
    """Finds what ELF files need: in the base, among what is brought already, in the packages."""

    def __init__(
        self, arch: Arch, is_there: Callable[[str], bool], packages: PackageTree, extension: str
    ) -> None:
        self._arch = arch
        self._is_there = is_there
        self._packages = packages
        self._extension = extension

    def missing(self, entry: Entry, elf: Elf, brought: Mapping[str, Entry]) -> Iterator[Entry]:
        """Yield the entries that have to be brought for `entry` to load.

        Raises:
            ImageError: when a library is nowhere.
        """
        for name in elf.needed:
            places = [posixpath.join(folder, name) for folder in self._folders(entry, elf)]
            if any(place in brought or self._is_there(place) for place in places):
                continue
            place = next((each for each in places if self._packages.find(each)), None)
            if place is None:
                raise entry.refuse(
                    f"needs the library {name}, which is nowhere",
                    hint="name the package that has it",
                )
            yield from self.library(place)

    def library(self, place: str) -> Iterator[Entry]:
        """Yield a library of the packages, and the links that lead to it."""
        found = self._packages.find(place)
        if found is None:
            return
        package, path = found
        if path.is_symlink():
            link = str(path.readlink())
            yield self._entry(place, package, link=link)
            if not link.startswith("/"):
                yield from self.library(posixpath.normpath(posixpath.join(place, "..", link)))
        else:
            yield self._entry(place, package, source=path)

    def _entry(
        self, place: str, package: str, *, source: Path | None = None, link: str = ""
    ) -> Entry:
        return Entry(
            extension=self._extension,
            path=place,
            role="library",
            package=package,
            source=source,
            link=link,
        )

    def _folders(self, entry: Entry, elf: Elf) -> list[str]:
        origin = posixpath.dirname(entry.path)
        own = [
            each.replace("${ORIGIN}", f"/{origin}").replace("$ORIGIN", f"/{origin}")
            for each in elf.runpath
        ]
        folders = [posixpath.normpath(each).lstrip("/") for each in own if each.startswith("/")]
        merged = [f"usr/{each}" if each.split("/")[0] in _MERGED else each for each in folders]
        return [*merged, f"usr/lib/{triplet(self._arch)}", "usr/lib"]


def _merged(path: Path, folder: Path) -> str:
    """Return the path on a node, where /bin, /lib and /sbin are links into /usr."""
    name = path.relative_to(folder).as_posix()
    return f"usr/{name}" if name.split("/")[0] in _MERGED else name
