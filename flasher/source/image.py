# SPDX-License-Identifier: Apache-2.0
"""Reads image files, plain or compressed, and knows which of their bytes are not zero.

An image is read twice: `scan_image` reads all of it before anything is destroyed, so that a
truncated or unknown file is refused in time, and `open_image` streams it to the medium.
"""

import errno
import gzip
import hashlib
import lzma
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from edge.errors import ImageError
from edge.events import Listener, Progressed, ignore
from edge.units import KIB, MIB
from flasher.ranges import Range, merge

HEAD_BYTES = MIB
_GRAIN_BYTES = 64 * KIB
_GAP_BYTES = MIB  # scattered small writes cost a card more than the zeros between them
_READ_BYTES = 4 * MIB
_ZEROS = bytes(_READ_BYTES)
_AGAIN = "download or build it again"

_FOREIGN = {
    b"PK\x03\x04": "zip archive",
    b"BZh": "bzip2 file",
    b"7z\xbc\xaf": "7z archive",
    b"Rar!": "rar archive",
    b"QFI\xfb": "qcow2 disk image",
    b"\x04\x22\x4d\x18": "lz4 file",
    b"hsqs": "squashfs file system without a partition table",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells whether a file is still the one that was looked at."""

    device: int
    inode: int
    size_bytes: int
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCheck:
    """What a block map says that the bytes of `range` must hash to."""

    range: Range
    sha256: str
    """As lower-case hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A disk image: what it unpacks to and where its data lies."""

    path: Path
    format: str
    """raw, gz, xz or zst."""
    size_bytes: int
    """The size when unpacked."""
    sha256: str
    """Of the unpacked bytes; empty when they were not read through beforehand."""
    data: tuple[Range, ...]
    """What must be written; the rest is zero, or in `unread`."""
    head: bytes
    """The first MiB, which holds the partition table."""
    stamp: Stamp
    unread: tuple[Range, ...] = ()
    """What nobody reads and may be left as it is on the medium."""
    checks: tuple[RangeCheck, ...] = ()
    """What must hold while the image is streamed, by its block map."""


class ImageReader(Protocol):
    """An open image; offsets must not go backwards."""

    def read_at(self, offset: int, into: memoryview) -> None:
        """Fill `into` with the unpacked bytes at `offset`."""
        ...


def scan_image(path: Path, listener: Listener = ignore) -> Image:
    """Read the whole image and return its facts.

    Raises:
        ImageError: when it cannot be read, is truncated, or is no disk image.
    """
    kind = _format(path)
    stamp = read_stamp(path)
    with _open_stream(path, kind) as stream:
        scan = _Scan(path, listener, stamp.size_bytes)
        scan.run(stream, is_sparse=kind == "raw")
    if scan.head[510:512] != b"\x55\xaa":
        raise ImageError(
            f"{path} is not a disk image: it has no partition table",
            hint="give the image of a whole disk, plain or as .gz, .xz or .zst",
        )
    return Image(
        path=path,
        format=kind,
        size_bytes=scan.position,
        sha256=scan.digest.hexdigest(),
        data=merge(scan.found, gap_bytes=_GAP_BYTES),
        head=bytes(scan.head),
        stamp=stamp,
    )


@contextmanager
def open_image(image: Image) -> Iterator[ImageReader]:
    """Open `image` for reading once more from its start."""
    with _open_stream(image.path, image.format) as stream:
        yield _Stream(image.path, stream)


def read_stamp(path: Path) -> Stamp:
    """Return what identifies the present content of the file `path`."""
    with _explained(path):
        status = path.stat()
    return Stamp(
        device=status.st_dev,
        inode=status.st_ino,
        size_bytes=status.st_size,
        changed_ns=status.st_mtime_ns,
    )


class _Scan:
    """One pass over an image that hashes it and notes where it is not zero."""

    def __init__(self, path: Path, listener: Listener, file_bytes: int) -> None:
        self.path, self.listener, self.file_bytes = path, listener, file_bytes
        self.digest = hashlib.sha256()
        self.position = 0
        self.found: list[Range] = []
        self.head = bytearray()
        self._buffer = bytearray(_READ_BYTES)

    def run(self, stream: IO[bytes], *, is_sparse: bool) -> None:
        with _explained(self.path):
            if is_sparse:
                self._read_sparse(stream)
            else:
                self._read_to(stream, sys.maxsize)

    def _read_sparse(self, stream: IO[bytes]) -> None:
        for data in _data_ranges(stream.fileno(), self.file_bytes):
            self._skip_to(data.start)
            stream.seek(data.start)
            self._read_to(stream, data.end)
        self._skip_to(self.file_bytes)

    def _skip_to(self, offset: int) -> None:
        while self.position < offset:
            self._add(memoryview(_ZEROS)[: min(_READ_BYTES, offset - self.position)])

    def _read_to(self, stream: IO[bytes], end: int) -> None:
        view = memoryview(self._buffer)
        while self.position < end:
            count = _fill(stream, view[: min(_READ_BYTES, end - self.position)])
            if not count:
                return
            self._note(view[:count])
            self._add(view[:count])

    def _note(self, view: memoryview) -> None:
        for start in range(0, len(view), _GRAIN_BYTES):
            grain = view[start : start + _GRAIN_BYTES]
            if grain.tobytes() != _ZEROS[: len(grain)]:
                at = self.position + start
                self.found.append(Range(at, at + len(grain)))

    def _add(self, view: memoryview) -> None:
        self.head += view[: max(0, HEAD_BYTES - self.position)]
        self.digest.update(view)
        self.position += len(view)
        self.listener(
            Progressed(
                step="read image",
                done_bytes=self.position,
                total_bytes=max(self.position, self.file_bytes),
            )
        )


class _Stream:
    """An image read from its start to its end, skipping what nobody asks for."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream

    def read_at(self, offset: int, into: memoryview) -> None:
        with _explained(self._path):
            self._stream.seek(offset)
            count = _fill(self._stream, into)
        if count != len(into):
            raise ImageError(f"{self._path} ended early at byte {offset + count}")


def _fill(stream: IO[bytes], view: memoryview) -> int:
    """Read until `view` is full or the stream ends; return how much there is."""
    done = 0
    while done < len(view):
        count: int = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            break
        done += count
    return done


def _data_ranges(fd: int, size_bytes: int) -> Iterator[Range]:
    """Yield what a sparse file really holds; a filesystem without holes yields all of it."""
    position = 0
    while position < size_bytes:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        position = min(os.lseek(fd, start, os.SEEK_HOLE), size_bytes)
        yield Range(start, position)


def _format(path: Path) -> str:
    with _explained(path), path.open("rb") as file:
        magic = file.read(8)
    for start, kind in ((b"\x1f\x8b", "gz"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zst")):
        if magic.startswith(start):
            return kind
    for start, what in _FOREIGN.items():
        if magic.startswith(start):
            raise ImageError(
                f"{path} is a {what}, which cannot be written as it is",
                hint="unpack it, or compress the disk image with gzip, xz or zstd",
            )
    if not magic:
        raise ImageError(f"{path} is empty", hint=_AGAIN)
    return "raw"


def _open_stream(path: Path, kind: str) -> IO[bytes]:
    openers: dict[str, Callable[[], object]] = {
        "raw": lambda: path.open("rb", buffering=0),
        "gz": lambda: gzip.GzipFile(path, "rb"),
        "xz": lambda: lzma.LZMAFile(path, "rb"),  # noqa: SIM115 - the caller closes it
        "zst": lambda: _open_zst(path),
    }
    with _explained(path):
        return openers[kind]()  # type: ignore[return-value]


def _open_zst(path: Path) -> object:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdFile(path, "rb")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what can go wrong with a file or its compression into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise ImageError(
            f"there is no image {path}", hint="build one: edgectl image build --board BOARD"
        ) from error
    except EOFError as error:
        raise ImageError(
            f"{path} is truncated: its compressed data ends early", hint=_AGAIN
        ) from error
    except lzma.LZMAError as error:
        raise ImageError(f"{path} is damaged: {error}", hint=_AGAIN) from error
    except gzip.BadGzipFile as error:
        raise ImageError(f"{path} is damaged: {error}", hint=_AGAIN) from error
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error
    except _decoder_errors() as error:
        raise ImageError(f"{path} is damaged: {error}", hint=_AGAIN) from error


def _decoder_errors() -> tuple[type[Exception], ...]:
    import zlib

    if "backports.zstd" in sys.modules:
        from backports import zstd

        return (zlib.error, zstd.ZstdError)
    if sys.version_info >= (3, 14):
        from compression import zstd

        return (zlib.error, zstd.ZstdError)
    return (zlib.error,)
