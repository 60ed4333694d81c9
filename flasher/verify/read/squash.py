# SPDX-License-Identifier: Apache-2.0
"""The root file system inside an initramfs: who owns what, and chosen files of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ImageError, ToolError
from flasher.tool import run_tool

_LINE = re.compile(
    r"(?P<mode>[-dlcbps][-rwxsStT]{9}) (?P<owner>\d+/\d+)\s+(?P<size>\d+|\d+,\s*\d+)"
    r" \d{4}-\d\d-\d\d \d\d:\d\d squashfs-root/?(?P<path>.*)"
)
_ARROW = " -> "


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFile:
    """One entry of the root: `mode` is written as `ls` does, `target` is where a link leads."""

    path: str
    mode: str
    owner: str
    target: str = ""

    @property
    def is_regular(self) -> bool:
        """Whether this is a file with contents."""
        return self.mode.startswith("-")

    @property
    def is_link(self) -> bool:
        """Whether this is a symbolic link."""
        return self.mode.startswith("l")

    @property
    def is_executable(self) -> bool:
        """Whether anybody may run it."""
        return self.is_regular and any(mark in "xst" for mark in self.mode[3::3])


def list_root(archive: Path, offset: int) -> dict[str, RootFile]:
    """Return every entry of the squashfs at `offset` of `archive`, by its path without slash.

    Raises:
        ImageError: when there is none, or it is damaged.
        ToolError: when unsquashfs is not installed.
    """
    listing = _unsquash("-lln", "-o", str(offset), archive)
    found = {}
    for line in listing.splitlines():
        if match := _LINE.fullmatch(line):
            path, _, target = match["path"].partition(_ARROW)
            found[path] = RootFile(
                path=path, mode=match["mode"], owner=match["owner"], target=target
            )
    if "" not in found:
        raise ImageError("the root file system cannot be listed")
    return found


def extract_root(archive: Path, offset: int, names: Sequence[str], target: Path) -> None:
    """Put the files and folders `names` of the squashfs into the new folder `target`.

    Raises:
        ImageError: when it is damaged.
        ToolError: when unsquashfs is not installed.
    """
    quietly = ("-quiet", "-no-progress", "-no-xattrs", "-o", str(offset))
    _unsquash(*quietly, "-d", str(target), str(archive), *names)


def _unsquash(*arguments: str | Path) -> str:
    try:
        return run_tool("unsquashfs", *arguments, prefer="FATAL|rror")
    except ToolError as error:
        if error.hint:
            raise
        raise ImageError(f"the root file system cannot be read: {error.message}") from error
