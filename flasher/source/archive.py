# SPDX-License-Identifier: Apache-2.0
"""Lists the files in zip and tar archives, without unpacking any."""

import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from edge.errors import ImageError
from edge.units import MIB
from flasher.ranges import Range
from flasher.source.image import Member

_ENCRYPTED = 0x1
_METHODS = {zipfile.ZIP_STORED: False, zipfile.ZIP_DEFLATED: True}
_LOCAL_HEADER_BYTES = 30
_END_BYTES, _COMMENT_LIMIT = 22, 0xFFFF


def zip_members(path: Path) -> Iterator[Member]:
    """Yield the files in the zip archive `path`, in the order of its directory.

    Raises:
        zipfile.BadZipFile: when its directory is missing or damaged.
        ImageError: when the next file is encrypted or packed in a way we cannot read.
    """
    with path.open("rb") as file:
        _check_end(file.fileno())
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield _zip_member(path, file.fileno(), info, archive.start_dir)


def tar_members(
    stream: io.RawIOBase, *, is_file: bool
) -> Iterator[tuple[Member, io.BufferedIOBase]]:
    """Yield the ordinary files in a tar archive with their contents, to be read right away.

    Raises:
        tarfile.ReadError: when it is damaged or ends before its end mark.
    """
    mode = "r:" if is_file else "r|"
    with tarfile.open(  # type: ignore[call-overload]
        mode=mode, fileobj=stream, tarinfo=_Header, bufsize=MIB
    ) as archive:
        for info in archive:
            content = archive.extractfile(info) if info.isreg() else None
            if content is not None:
                with content:
                    yield _tar_member(info), content


class _Header(tarfile.TarInfo):
    """A member's header; only the archive's end mark may stand in its place."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> "_Header":
        return _read_header(cls, tarfile)


def _read_header(cls: type[_Header], archive: tarfile.TarFile) -> _Header:
    try:
        return super(_Header, cls).fromtarfile(archive)
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
        raise
    except tarfile.HeaderError as error:
        text = "the archive ends before its end mark" if archive.offset else str(error)
        raise tarfile.ReadError(text) from error


def _tar_member(info: tarfile.TarInfo) -> Member:
    sparse = getattr(info, "sparse", None)
    pieces = None if sparse is None else tuple(Range(at, at + size) for at, size in sparse)
    packed = info.size if pieces is None else sum(one.size_bytes for one in pieces)
    return Member(
        name=info.name,
        start=info.offset_data,
        packed_bytes=packed,
        size_bytes=info.size,
        pieces=pieces,
    )


def _zip_member(path: Path, fd: int, info: zipfile.ZipInfo, directory_at: int) -> Member:
    if info.flag_bits & _ENCRYPTED:
        raise ImageError(f"{info.filename} in {path} is encrypted", hint="unpack it yourself")
    if info.compress_type not in _METHODS:
        raise ImageError(
            f"{info.filename} in {path} is packed with method {info.compress_type}",
            hint="unpack it, or pack it with zip, gzip, xz or zstd",
        )
    header = os.pread(fd, _LOCAL_HEADER_BYTES, max(0, info.header_offset))
    is_there = info.header_offset >= 0 and header[:4] == b"PK\x03\x04"
    if not is_there or len(header) != _LOCAL_HEADER_BYTES:
        raise zipfile.BadZipFile(f"{info.filename} is not where its directory says")
    names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = info.header_offset + _LOCAL_HEADER_BYTES + names
    if start + info.compress_size > directory_at:
        raise zipfile.BadZipFile(f"{info.filename} reaches into its directory")
    return Member(
        name=info.filename,
        start=start,
        packed_bytes=info.compress_size,
        size_bytes=info.file_size,
        is_deflated=_METHODS[info.compress_type],
        crc32=info.CRC,
    )


def _check_end(fd: int) -> None:
    """Check that the record at the end of a zip archive, with its comment, is all there."""
    size_bytes = os.fstat(fd).st_size
    start = max(0, size_bytes - _END_BYTES - _COMMENT_LIMIT)
    tail = os.pread(fd, size_bytes - start, start)
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        comment = int.from_bytes(tail[at + 20 : at + _END_BYTES], "little")
        if at + _END_BYTES + comment == len(tail):
            return
        at = tail.rfind(b"PK\x05\x06", 0, at)
    raise zipfile.BadZipFile("its directory, which comes last, is not there")
