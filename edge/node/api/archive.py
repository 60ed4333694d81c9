# SPDX-License-Identifier: Apache-2.0
"""A file or tree as a gzipped tar, in pieces that are made as they are fetched.

Files of the kernel's own file systems have no size before they are read, so they are read first.
Those file systems are left out of a copy that does not begin in them.
"""

import os
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from edge.errors import ConfigError, TrustError
from edge.node.api.tree import Item, Tree

CHUNK_BYTES = 64 * 1024
SPOOL_BYTES = 1024 * 1024
KERNEL_FILE_AT_MOST = 16 * 1024 * 1024
FAULTS_AT_MOST = 10
_GZIP = 31
_LEVEL = 3
"""Boards are slow; more than this costs them more time than it saves on the wire."""

_KERNELS = frozenset(
    {"proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "configfs"}
    | {"efivarfs", "pstore", "bpf", "devpts", "mqueue", "fusectl", "devtmpfs", "binfmt_misc"}
)
_KINDS = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}


class Archive:
    """One tree on its way into an archive; `faults` are what could not be read of it."""

    def __init__(self, tree: Tree, path: str) -> None:
        self._tree = tree
        self._path = path
        self._kernels = kernel_devices(Path("/proc/self/mountinfo").read_text())
        self.faults: list[str] = []

    def pieces(self) -> Generator[bytes | None]:
        """Yield the archive, and None where there is nothing yet.

        Raises:
            ConfigError, TrustError, OSError: as `Tree.at` does.
        """
        packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
        waiting = bytearray()
        for block in self._blocks():
            waiting += packer.compress(block)
            if len(waiting) < CHUNK_BYTES:
                yield None
                continue
            yield bytes(waiting)
            waiting.clear()
        yield bytes(waiting) + packer.flush()

    def _blocks(self) -> Iterator[bytes]:
        with self._tree.at(self._path) as found:
            inside = found.info.st_dev in self._kernels
            for item in self._tree.walk(
                found, enter=lambda item: inside or not self._is_kernels(item)
            ):
                if item.error:
                    self._fault(item, item.error)
                elif not item.leaving and _belongs(item):
                    yield from self._entry(item)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _entry(self, item: Item) -> Iterator[bytes]:
        header = _header(item)
        try:
            if header.issym():
                header.linkname = os.readlink(item.name, dir_fd=item.fd)
            if not header.isreg():
                yield _bytes(header)
                return
            file = os.fdopen(self._tree.open(item), "rb", buffering=0)
        except (OSError, ConfigError, TrustError) as error:
            self._skip(item, error)
            return
        with file:
            if self._is_kernels(item):
                yield from self._kernel_file(header, item, file)
            else:
                yield from self._file(header, item, file)

    def _file(self, header: tarfile.TarInfo, item: Item, file: IO[bytes]) -> Iterator[bytes]:
        yield _bytes(header)
        left = header.size
        while left:
            try:
                data = file.read(min(CHUNK_BYTES, left))
            except OSError as error:
                self._fault(item, error.strerror or str(error))
                data = b""
            if not data:
                # It has become shorter, and the header has been sent.
                yield from _zeros(left)
                break
            left -= len(data)
            yield data
        yield bytes(-header.size % tarfile.BLOCKSIZE)

    def _kernel_file(self, header: tarfile.TarInfo, item: Item, file: IO[bytes]) -> Iterator[bytes]:
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
            # Many of these cannot be read just now, or never: that is their content.
            with suppress(OSError):
                while data := file.read(CHUNK_BYTES):
                    if spool.tell() + len(data) > KERNEL_FILE_AT_MOST:
                        self._fault(item, "is longer than is copied of a file of the kernel's")
                        break
                    spool.write(data)
            header.size = spool.tell()
            spool.seek(0)
            yield _bytes(header)
            while data := spool.read(CHUNK_BYTES):
                yield data
        yield bytes(-header.size % tarfile.BLOCKSIZE)

    def _is_kernels(self, item: Item) -> bool:
        return item.info.st_dev in self._kernels

    def _skip(self, item: Item, error: Exception) -> None:
        # What nobody is to have belongs to no copy, and is no reason to call one incomplete.
        if isinstance(error, (FileNotFoundError, TrustError)) or self._is_kernels(item):
            return
        self._fault(item, error.strerror or "" if isinstance(error, OSError) else str(error))

    def _fault(self, item: Item, reason: str) -> None:
        if len(self.faults) < FAULTS_AT_MOST:
            self.faults.append(f"{item.path}: {reason}")


def kernel_devices(mountinfo: str) -> frozenset[int]:
    """Return the device numbers of file systems that the kernel makes up as they are read."""
    found = set()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ", 1)[0] in _KERNELS:
            major, minor = before.split()[2].split(":")
            found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)


def _belongs(item: Item) -> bool:
    # The folder itself does not: clients have made one to put the rest into.
    return (item.depth > 0 or not item.is_folder) and not stat.S_ISSOCK(item.info.st_mode)


def _header(item: Item) -> tarfile.TarInfo:
    header = tarfile.TarInfo(item.relative)
    info = item.info
    header.mode, header.mtime = stat.S_IMODE(info.st_mode), int(info.st_mtime)
    header.uid, header.gid = info.st_uid, info.st_gid
    header.type = _KINDS.get(stat.S_IFMT(info.st_mode), tarfile.REGTYPE)
    header.size = info.st_size if header.isreg() else 0
    if header.ischr() or header.isblk():
        header.devmajor, header.devminor = os.major(info.st_rdev), os.minor(info.st_rdev)
    return header


def _bytes(header: tarfile.TarInfo) -> bytes:
    return header.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")


def _zeros(count: int) -> Iterator[bytes]:
    for done in range(0, count, CHUNK_BYTES):
        yield bytes(min(CHUNK_BYTES, count - done))
