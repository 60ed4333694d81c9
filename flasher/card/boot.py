# SPDX-License-Identifier: Apache-2.0
"""Puts files into an image's boot partition without touching the image.

The partition's data is copied out of the image, each card's files are put into a copy of that
with mtools and read back from it, and what has changed becomes patches. Directories are made,
files that are there are replaced.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from edge.errors import ImageError, ToolError
from edge.paths import cache_dir
from edge.units import MIB, format_size
from flasher.map.fat import is_fat, survey_fat
from flasher.map.sparse import data_ranges
from flasher.map.survey import Surveyor
from flasher.patch import Patch
from flasher.ranges import Range, merge, subtract, total_bytes
from flasher.table import Partition, Table
from flasher.tool import require_tools, run_tool

TOOLS = ("mcopy", "mmd")
_BLOCK_BYTES, _BOOT_BYTES = 4096, 2048
_CHUNK_BYTES = MIB
_BOOT_TYPES = frozenset(
    {
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",  # EFI system
        "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",  # basic data
        "ef",
        *("01", "04", "06", "0b", "0c", "0e"),
    }
)
_FULL = "[Dd]isk full|[Nn]o space|No free cluster"
ReadAt = Callable[[int, memoryview], None]


def find_boot(table: Table) -> Partition | None:
    """Return the first partition that firmware or people read as FAT, or None."""
    return next((each for each in table.partitions if each.type.lower() in _BOOT_TYPES), None)


class BootCopy:
    """The boot partition of one image in a sparse file, from which every card's is made."""

    def __init__(self, partition: Partition, unread: Iterable[Range], image: Path) -> None:
        require_tools(TOOLS)
        self.partition = partition
        self._image = image
        inside = _inside(partition)
        self._unread = tuple(_shift(part, -inside.start) for part in _cut(unread, inside))
        self._folder = _new_folder(cache_dir())
        self._path = Path(self._folder.name) / "boot.img"
        with self._path.open("wb") as file:
            file.truncate(partition.size_bytes)

    def load(self, read_at: ReadAt, data: Iterable[Range]) -> None:
        """Copy what the image has in the partition, by its `data` map, in rising order.

        Raises:
            ImageError: when the partition holds no FAT file system.
        """
        inside = _inside(self.partition)
        with self._path.open("r+b") as file:
            for part in _pieces(_cut(data, inside)):
                piece = bytearray(part.size_bytes)
                read_at(part.start, memoryview(piece))
                file.seek(part.start - inside.start)
                file.write(piece)
            file.seek(0)
            if not is_fat(file.read(_BOOT_BYTES)):
                raise ImageError(
                    f"partition {self.partition.number} of {self._image} has no FAT file system"
                    " to put files into"
                )

    def add(self, files: Mapping[str, bytes], now: datetime) -> tuple[Patch, ...]:
        """Return the patches that put `files` into the partition, dated `now`.

        Raises:
            ImageError: when they do not fit, or the file system cannot take them.
            ToolError: when mtools fails.
        """
        edited = Path(self._folder.name) / "card.img"
        try:
            _copy_sparse(self._path, edited)
            self._write(edited, files, now)
            _check(edited, files)
            return self._changes(edited)
        finally:
            edited.unlink(missing_ok=True)

    def close(self) -> None:
        """Delete the copy."""
        self._folder.cleanup()

    def _write(self, edited: Path, files: Mapping[str, bytes], now: datetime) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
            for folder_name in _folders(files):
                if not _is_there(edited, folder_name):
                    self._run("mmd", now, "-i", edited, f"::/{folder_name}")
            for number, (path, content) in enumerate(sorted(files.items())):
                source = Path(folder) / str(number)
                source.write_bytes(content)
                seconds = now.timestamp()
                os.utime(source, (seconds, seconds))
                self._run("mcopy", now, "-o", "-m", "-i", edited, source, f"::/{path}")

    def _run(self, program: str, now: datetime, *arguments: str | Path) -> None:
        target = str(arguments[-1]).removeprefix("::/")
        environment = _environment() | {"SOURCE_DATE_EPOCH": str(int(now.timestamp()))}
        try:
            run_tool(program, *arguments, environment=environment, prefer=_FULL)
        except ToolError as error:
            free = format_size(self._free_bytes())
            raise ImageError(
                f"cannot put {target} into the boot partition of {self._image}: {error.message}",
                hint=f"the image has {free} free there; see that no folder has the file's name",
            ) from error

    def _free_bytes(self) -> int:
        with self._path.open("rb") as file:
            return total_bytes(_free(file))

    def _changes(self, edited: Path) -> tuple[Patch, ...]:
        with self._path.open("rb") as before, edited.open("rb") as after:
            # Where the image leaves it open what a card has, equal zeros are no equality.
            must = subtract(self._unread, _free(after))
            shift = self.partition.start_bytes % _BLOCK_BYTES
            runs = merge([*_differences(before, after, shift), *must])
            return tuple(_to_patch(after, run, self.partition.start_bytes) for run in runs)


def _new_folder(cache: Path) -> "tempfile.TemporaryDirectory[str]":
    """Make a folder that only we can read, and delete those of processes that were killed."""
    cache.mkdir(parents=True, exist_ok=True)
    for left in cache.glob("boot-*-*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"boot-{os.getpid()}-", dir=cache)


def _to_patch(file: BinaryIO, run: Range, start_bytes: int) -> Patch:
    file.seek(run.start)
    return Patch(start_bytes + run.start, file.read(run.size_bytes))


def _free(file: BinaryIO) -> tuple[Range, ...]:
    """Return what the file system leaves free, small gaps aside; nothing when that is unsure."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    surveyor = Surveyor(survey_fat(file.read(_BOOT_BYTES), size_bytes), size_bytes)
    while want := surveyor.want:
        file.seek(want.start)
        surveyor.give(want.start, memoryview(file.read(want.size_bytes)))
    return surveyor.free


def _differences(before: BinaryIO, after: BinaryIO, shift: int) -> Iterator[Range]:
    """Yield the blocks, as the medium counts them, in which two files of one size differ."""
    for data in _stored(after):
        for part in _pieces([_widen(data, shift)]):
            before.seek(part.start)
            after.seek(part.start)
            old, new = before.read(part.size_bytes), after.read(part.size_bytes)
            if old != new:
                yield from _blocks(old, new, part.start, shift)


def _blocks(old: bytes, new: bytes, start: int, shift: int) -> Iterator[Range]:
    at = 0
    while at < len(new):
        size = _BLOCK_BYTES - (start + at + shift) % _BLOCK_BYTES
        if old[at : at + size] != new[at : at + size]:
            yield Range(start + at, start + min(at + size, len(new)))
        at += size


def _widen(data: Range, shift: int) -> Range:
    start = (data.start + shift) // _BLOCK_BYTES * _BLOCK_BYTES - shift
    return Range(max(0, start), data.end)


def _copy_sparse(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        writer.truncate(source.stat().st_size)
        for part in _pieces(_stored(reader)):
            reader.seek(part.start)
            writer.seek(part.start)
            writer.write(reader.read(part.size_bytes))


def _stored(file: BinaryIO) -> Iterator[Range]:
    return data_ranges(file.fileno(), os.fstat(file.fileno()).st_size)


def _check(edited: Path, files: Mapping[str, bytes]) -> None:
    """Read every file back from the copy."""
    with tempfile.TemporaryDirectory(dir=edited.parent) as folder:
        for number, (path, content) in enumerate(sorted(files.items())):
            back = Path(folder) / str(number)
            run_tool("mcopy", "-i", edited, f"::/{path}", back, environment=_environment())
            if back.is_dir():
                raise ImageError(f"{path} is a folder in the boot partition, not a file")
            if back.read_bytes() != content:
                raise ImageError(f"{path} does not read back from the boot partition as written")


def _is_there(edited: Path, name: str) -> bool:
    try:
        run_tool("mdir", "-b", "-i", edited, f"::/{name}", environment=_environment())
    except ToolError:
        return False
    return True


def _environment() -> dict[str, str]:
    return {"MTOOLSRC": os.devnull, "MTOOLS_SKIP_CHECK": "1", "MTOOLS_NO_VFAT": "0"}


def _folders(files: Iterable[str]) -> list[str]:
    """Return every folder that `files` lie in, outer ones first."""
    found = {str(parent) for path in files for parent in PurePosixPath(path).parents if parent.name}
    return sorted(found)


def _inside(partition: Partition) -> Range:
    return Range(partition.start_bytes, partition.end_bytes)


def _cut(ranges: Iterable[Range], window: Range) -> tuple[Range, ...]:
    """Return the parts of `ranges` that lie in `window`."""
    return tuple(
        Range(max(one.start, window.start), min(one.end, window.end))
        for one in ranges
        if one.start < window.end and one.end > window.start
    )


def _shift(one: Range, by: int) -> Range:
    return Range(one.start + by, one.end + by)


def _pieces(ranges: Iterable[Range]) -> Iterator[Range]:
    for one in ranges:
        for start in range(one.start, one.end, _CHUNK_BYTES):
            yield Range(start, min(one.end, start + _CHUNK_BYTES))
