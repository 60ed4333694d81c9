# SPDX-License-Identifier: Apache-2.0
"""One folder that callers see as `/`, and no way out of it.

Paths are walked name by name from the root's descriptor: a link is read and walked as text, never
followed by the kernel, `..` goes back to the descriptor that the walk came from, and what is
opened in the end is what was walked to, whoever renames things meanwhile. So neither links nor
the kernel's own, such as `/proc/1/root`, lead anywhere that the path does not say.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from threading import BoundedSemaphore

from edge.errors import ConfigError, TrustError

LINKS_AT_MOST = 40
DEEPEST = 256
ALL = sys.maxsize
"""As a depth: however deep it goes, up to `DEEPEST`, which is then told as a fault."""
SORTED_AT_MOST = 10_000
"""A folder with more entries comes in the order of its file system, so that none is held."""
MOST_FOLDERS = 512
"""Folders that all walks together have open: each is a descriptor of this process, or two."""
BUSY = "too many folders are being looked into just now"

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
# Never waiting: a pipe without a writer would hold the call for ever.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_ROOT = PurePosixPath("/")
_room = BoundedSemaphore(MOST_FOLDERS)
_DEEP = f"more than {DEEPEST} folders deep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a path led: a descriptor to look through, and where that truly is."""

    fd: int
    path: PurePosixPath
    info: os.stat_result
    closed: bool
    """Whether the caller may know that it is there, and no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One step of a walk; `fd` is valid until the next."""

    path: PurePosixPath
    relative: str
    depth: int
    info: os.stat_result
    fd: int
    """The file itself at the start of a walk, else the folder that it is in."""
    name: str = ""
    """Its name in that folder; nothing at the start of a walk."""
    closed: bool = False
    leaving: bool = False
    """Whether this is the second time, after everything in a folder."""
    error: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether there may be more inside."""
        return stat.S_ISDIR(self.info.st_mode)

    def through(self) -> str:
        """Return a path for calls that take no descriptor; not to be followed if it is a link."""
        return f"/proc/self/fd/{self.fd}/{self.name}" if self.name else f"/proc/self/fd/{self.fd}"


class Tree:
    """The files of a node as one caller may see them."""

    def __init__(self, root: Path, closed: Collection[PurePosixPath] = ()) -> None:
        self._root = root
        self._closed = frozenset(closed)

    @contextmanager
    def at(self, path: str) -> Iterator[Found]:
        """Find what is at `path`, the last link followed as well.

        Raises:
            ConfigError: when the path is no path.
            TrustError: when the way leads through what is closed to the caller.
            OSError: when there is nothing.
        """
        fds = [os.open(self._root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        try:
            place = self._find(_parts(path), fds)
            while len(fds) > 1:
                # Of use only for going back, and whoever reads may take long.
                os.close(fds.pop(0))
            closed = place in self._closed
            yield Found(fd=fds[-1], path=place, info=os.fstat(fds[-1]), closed=closed)
        finally:
            for fd in fds:
                os.close(fd)

    def open(self, item: Item | Found) -> int:
        """Open a regular file that was found or walked to.

        Raises:
            ConfigError: when it is something else.
            TrustError: when it is closed to the caller.
            OSError: when it cannot be opened.
        """
        if item.closed:
            raise TrustError(f"{item.path} is not to be read with these rights")
        if not stat.S_ISREG(item.info.st_mode):
            raise ConfigError(f"{item.path} is not a regular file")
        if isinstance(item, Item) and item.name:
            fd = os.open(item.name, _FILE | os.O_NOFOLLOW, dir_fd=item.fd)
        else:
            # The kernel's link to what was found: what has its name by now may be another.
            fd = os.open(f"/proc/self/fd/{item.fd}", _FILE)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ConfigError(f"{item.path} is not a regular file")
        return fd

    def walk(
        self,
        found: Found,
        *,
        depth: int = ALL,
        enter: Callable[[Item], bool] = lambda _folder: True,
    ) -> Generator[Item]:
        """Yield what was found and everything below; folders twice, before and after.

        Goes `depth` levels down, into folders for which `enter` holds; links are not followed.
        """
        item: Item | None = Item(
            path=found.path,
            relative="." if stat.S_ISDIR(found.info.st_mode) else found.path.name,
            depth=0,
            info=found.info,
            fd=found.fd,
            closed=found.closed,
        )
        levels: list[_Level] = []
        try:
            while item:
                yield item
                if item.is_folder and not item.error:
                    levels.append(_Level(self, item, wanted=item.depth < depth and enter(item)))
                while levels and (item := next(levels[-1].items, None)) is None:
                    yield levels.pop().close()
                if not levels:
                    return
        finally:
            for level in levels:
                level.close()

    def is_closed(self, path: PurePosixPath) -> bool:
        """Say whether the caller is not to see what is inside of `path`."""
        return path in self._closed

    def _find(self, parts: list[str], fds: list[int]) -> PurePosixPath:
        """Walk `parts` from the root, the only one of `fds`; they are the way there afterwards."""
        names, todo, links = list[str](), parts[::-1], 0
        while todo:
            name, place = todo.pop(), _ROOT.joinpath(*names)
            if place in self._closed:
                raise TrustError(f"{place} is not to be looked into with these rights")
            if name == "..":
                _step_back(fds, names)
                continue
            fd = os.open(name, _LOOK, dir_fd=fds[-1])
            fds.append(fd)
            names.append(name)
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                if len(names) > DEEPEST:
                    raise OSError(errno.ENAMETOOLONG, _DEEP, str(place))
                continue
            target = os.readlink("", dir_fd=fd)
            links += 1
            if links > LINKS_AT_MOST:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(place / name))
            _step_back(fds, names)
            while target.startswith("/") and names:
                _step_back(fds, names)
            todo.extend(_names(target)[::-1])
        return _ROOT.joinpath(*names)


class _Level:
    """One folder on the way of a walk."""

    def __init__(self, tree: Tree, item: Item, *, wanted: bool) -> None:
        self._tree = tree
        self._item = item
        self._opened = ExitStack()
        self.items: Iterator[Item] = self._entries() if wanted else iter(())

    def close(self) -> Item:
        """Let go of the folder; return its item for the second time."""
        self._opened.close()
        return replace(self._item, fd=-1, leaving=True)

    def _entries(self) -> Iterator[Item]:
        if self._item.closed or self._item.depth >= DEEPEST:
            reason = "not to be looked into with these rights" if self._item.closed else _DEEP
            yield replace(self._item, fd=-1, error=reason)
            return
        if not _room.acquire(blocking=False):
            yield replace(self._item, fd=-1, error=BUSY)
            return
        self._opened.callback(_room.release)
        try:
            fd = os.open(self._item.name or ".", _FOLDER, dir_fd=self._item.fd)
            self._opened.callback(os.close, fd)
            for name in _listed(fd, self._opened):
                if item := self._entry(fd, name):
                    yield item
        except OSError as error:
            yield replace(self._item, fd=-1, error=error.strerror or str(error))

    def _entry(self, fd: int, name: str) -> Item | None:
        with suppress(FileNotFoundError):  # it went away just now
            info = os.stat(name, dir_fd=fd, follow_symlinks=False)
            path, parent = self._item.path / name, self._item.relative
            return Item(
                path=path,
                relative=name if parent == "." else f"{parent}/{name}",
                depth=self._item.depth + 1,
                info=info,
                fd=fd,
                name=name,
                closed=self._tree.is_closed(path),
            )
        return None


def _step_back(fds: list[int], names: list[str]) -> None:
    if names:
        os.close(fds.pop())
        names.pop()


def _listed(fd: int, opened: ExitStack) -> Iterator[str]:
    entries = opened.enter_context(os.scandir(fd))
    names = (entry.name for entry in entries)
    first = list(islice(names, SORTED_AT_MOST + 1))
    if len(first) <= SORTED_AT_MOST:
        first.sort()
    return chain(first, names)


def _parts(path: str) -> list[str]:
    if not path.startswith("/"):
        raise ConfigError(f"path {path!r} is not absolute")
    if "\0" in path or len(os.fsencode(path)) > 4095:
        raise ConfigError("that is no path: it is too long or holds a NUL")
    return _names(path)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]
