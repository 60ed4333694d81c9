# SPDX-License-Identifier: Apache-2.0
"""Packs bytes in every way an image may come, as the usual tools do it."""

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Packer = Callable[[bytes], bytes]


def zst(data: bytes) -> bytes:
    """Return one frame with its size and a checksum, as the command-line tool writes it."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


def xz(data: bytes) -> bytes:
    """Return one stream of one block."""
    return lzma.compress(data, preset=0)


def bz(data: bytes) -> bytes:
    """Return one stream."""
    return bz2.compress(data, 1)


def gz(data: bytes) -> bytes:
    """Return one member without a time."""
    return gzip.compress(data, 1, mtime=0)


def in_halves(pack: Packer) -> Packer:
    """Return a packer that makes two streams in a row of every input."""
    return lambda data: pack(data[: len(data) // 2]) + pack(data[len(data) // 2 :])


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive of `members`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def tarred(*members: tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar archive of `members`."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def run(*command: str | Path, data: bytes = b"") -> bytes:
    """Return what a program writes to its output."""
    done = subprocess.run([str(word) for word in command], input=data, capture_output=True)
    assert not done.returncode, done.stderr.decode()
    return done.stdout


PACKERS: dict[str, tuple[str, Packer]] = {
    "gz": ("gz", gz),
    "gz of two members": ("gz", in_halves(gz)),
    "gz with padding": ("gz", lambda data: gz(data) + bytes(700)),
    "xz": ("xz", xz),
    "xz of two streams": ("xz", in_halves(xz)),
    "xz with padding": ("xz", in_halves(lambda part: xz(part) + bytes(8))),
    "xz of many blocks": ("xz", lambda data: run("xz", "-0", "--block-size=300000", data=data)),
    "zst": ("zst", zst),
    "zst of two frames": ("zst", in_halves(zst)),
    "zst without sizes": ("zst", lambda data: run("zstd", "-1", "-c", "-q", data=data)),
    "zst after a skippable frame": ("zst", lambda data: _skippable(b"note") + zst(data)),
    "bz2": ("bz2", bz),
    "bz2 of two streams": ("bz2", in_halves(bz)),
    "zip": ("zip:raw", lambda data: zipped(("readme.txt", b"read me"), ("a.img", data))),
    "zip, stored": ("zip:raw", lambda data: zipped(("a.img", data), method=zipfile.ZIP_STORED)),
    "zip of xz": ("zip:xz", lambda data: zipped(("a.img.xz", xz(data)))),
    "tar": ("tar:raw", lambda data: tarred(("readme.txt", b"read me"), ("disk.raw", data))),
    "tar of gnu": ("tar:raw", lambda data: tarred(("x" * 200, data), form=tarfile.GNU_FORMAT)),
    "tar of old unix": ("tar:raw", lambda data: _without_magic(tarred(("disk", data)))),
    "tar.gz": ("tar.gz", lambda data: gz(tarred(("disk.raw", data), ("sum", b"123")))),
    "tar.xz": ("tar.xz", lambda data: xz(tarred(("disk.raw", data)))),
    "tar.zst": ("tar.zst", lambda data: zst(tarred(("disk.raw", data)))),
    "tar.bz2": ("tar.bz2", lambda data: bz(tarred(("disk.raw", data)))),
    "tar of gz": ("tar:gz", lambda data: tarred(("disk.raw.gz", gz(data)))),
    "xz in gz": ("gz:xz", lambda data: gz(xz(data))),
}


def _skippable(data: bytes) -> bytes:
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


def _without_magic(archive: bytes) -> bytes:
    """Return an archive whose first header is as it was before there was a magic number."""
    header = bytearray(archive[:512])
    header[257:512] = bytes(255)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + archive[512:]
