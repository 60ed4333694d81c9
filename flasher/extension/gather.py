# SPDX-License-Identifier: Apache-2.0
"""From an extension and its unpacked packages to the files that the root gets of it."""

import os
import posixpath
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from boards.profile import Arch
from edge.errors import ImageError
from flasher.extension.catalog import Extension
from flasher.extension.document import for_arch
from flasher.extension.entry import Entry, Role
from flasher.extension.image import check_archive
from flasher.extension.library import Libraries, PackageTree
from flasher.extension.rule import check_content, check_mode, check_path

IMAGES = "usr/lib/edge/images"
_LIBRARY = re.compile(r"\.so(\.[0-9]+)*$")
_MADE_LATER = ("run/", "var/", "proc/", "dev/", "tmp/")


def gather(
    extension: Extension, arch: Arch, packages: PackageTree, is_there: Callable[[str], bool]
) -> dict[str, Entry]:
    """Return every file of the extension by its path, libraries that programs need included.

    Raises:
        ImageError: with the first rule that the extension breaks, its name and the file's.
    """
    found: dict[str, Entry] = {}
    waiting = list(_wanted(extension, arch, packages))
    libraries = Libraries(arch, is_there, packages, extension.name)
    while waiting:
        entry = waiting.pop(0)
        if entry.path in found:
            if entry.role == "library":
                continue
            raise entry.refuse("is brought twice")
        check_path(entry)
        found[entry.path] = entry
        if entry.link:
            continue
        check_mode(entry)
        elf = check_content(entry, arch, is_there)
        if elf:
            waiting += libraries.missing(entry, elf, found | {each.path: each for each in waiting})
    for entry in found.values():
        _check_link(entry, found, is_there)
    _check_services(extension, found, is_there)
    return dict(sorted(found.items()))


def _wanted(extension: Extension, arch: Arch, packages: PackageTree) -> Iterator[Entry]:
    """Yield what the document names and the extension's own tree holds."""
    document, name = extension.document, extension.name
    # Its own first: a library that it brings is not looked for in packages.
    if extension.tree:
        yield from _own(name, extension.tree)
    for text in document.texts:
        yield Entry(extension=name, path=text.path, role="data", text=text.text)
    for link in document.links:
        target = posixpath.relpath(link.target, f"/{posixpath.dirname(link.path)}")
        yield Entry(extension=name, path=link.path, role="data", link=target)
    for archive in document.images:
        yield _image(extension, archive, arch)
    finder = _Finder(name, arch, packages)
    for path in document.programs:
        yield finder.file(path, path, "program")
    for path in document.libraries:
        yield from finder.files(path, "library")
    for data in document.data:
        if data.target:
            yield finder.file(data.source, data.target, "data")
        else:
            yield from finder.files(data.source, "data")
    for firmware in document.firmware:
        for pattern in firmware.patterns:
            yield from finder.firmware(firmware.package, pattern)


class _Finder:
    """Takes files out of packages and says which one has not what."""

    def __init__(self, extension: str, arch: Arch, packages: PackageTree) -> None:
        self._extension = extension
        self._arch = arch
        self._packages = packages

    def file(self, source: str, path: str, role: Role) -> Entry:
        """Return one file, or the link that it is."""
        found = self._packages.find(for_arch(source, self._arch))
        if found is None:
            raise ImageError(
                f"extension {self._extension}: {source} is in none of its packages for {self._arch}"
            )
        return self._entry(for_arch(path, self._arch), found[0], found[1], role)

    def files(self, pattern: str, role: Role) -> Iterator[Entry]:
        """Yield all that match."""
        matches = self._packages.matching(for_arch(pattern, self._arch))
        if not matches:
            raise ImageError(
                f"extension {self._extension}: nothing in its packages is called {pattern}"
            )
        for path, package, source in matches:
            yield self._entry(path, package, source, role)

    def firmware(self, package: str, pattern: str) -> Iterator[Entry]:
        """Yield driver firmware of one package under the names that drivers ask for."""
        matches = [
            (path, source)
            for path, owner, source in self._packages.matching(f"usr/lib/firmware/{pattern}")
            if owner == package and source.is_file()
        ]
        if not matches:
            raise ImageError(
                f"extension {self._extension}: package {package} has no firmware file {pattern}"
            )
        for path, source in matches:
            # Links in firmware packages are second names for the same bytes.
            yield Entry(
                extension=self._extension,
                path=path,
                role="firmware",
                package=package,
                source=source.resolve(),
            )

    def _entry(self, path: str, package: str, source: Path, role: Role) -> Entry:
        link = str(source.readlink()) if source.is_symlink() else ""
        return Entry(
            extension=self._extension,
            path=path,
            role=role,
            package=package,
            link=link,
            source=None if link else source,
            is_program=role == "program" and not link,
        )


def _own(name: str, tree: Path) -> Iterator[Entry]:
    """Yield the files of an extension's own tree, in the same order everywhere."""
    for folder, folders, files in os.walk(tree):
        folders.sort()
        links = [each for each in folders if Path(folder, each).is_symlink()]
        for file in sorted((*files, *links)):
            path = Path(folder, file)
            mode = path.lstat().st_mode
            link = str(path.readlink()) if stat.S_ISLNK(mode) else ""
            yield Entry(
                extension=name,
                path=path.relative_to(tree).as_posix(),
                role="own",
                link=link,
                source=None if link else path,
                is_program=not link and bool(mode & 0o111) and not _LIBRARY.search(path.name),
            )


def _image(extension: Extension, archive: str, arch: Arch) -> Entry:
    source = (extension.folder or Path()) / archive
    entry = Entry(
        extension=extension.name,
        path=f"{IMAGES}/{extension.name}-{Path(archive).name}",
        role="image",
        source=source,
    )
    if extension.folder is None or not source.is_file():
        raise ImageError(f"extension {extension.name}: there is no container image {source}")
    try:
        check_archive(source, arch)
    except ValueError as error:
        raise ImageError(f"extension {extension.name}: {archive} {error}") from error
    return entry


def _check_link(entry: Entry, found: dict[str, Entry], is_there: Callable[[str], bool]) -> None:
    if not entry.link:
        return
    if entry.link.startswith("/"):
        raise entry.refuse(f"is an absolute link to {entry.link}", hint="make it a relative one")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.link))
    if target.startswith(".."):
        raise entry.refuse(f"is a link to {entry.link}, out of the root")
    is_folder = any(path.startswith(f"{target}/") for path in found)
    if target in found or is_folder or target.startswith(_MADE_LATER) or is_there(target):
        return
    raise entry.refuse(f"is a link to {entry.link}, which is not there")


def _check_services(
    extension: Extension, found: dict[str, Entry], is_there: Callable[[str], bool]
) -> None:
    for service in extension.document.services:
        program = found.get(service.program)
        if program is None and not is_there(service.program):
            raise ImageError(
                f"extension {extension.name}: service {service.name} runs {service.program},"
                " which nobody brings"
            )
        if program and not program.is_program and not program.link:
            raise program.refuse(f"is run by service {service.name} but cannot be executed")
