# SPDX-License-Identifier: Apache-2.0
"""Archives in the kernel's initramfs format (cpio "newc"), device nodes included."""

import shutil
import stat
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"


class CpioWriter:
    """Writes entries owned by root with time zero; parents must be added before children."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._count = 0

    def __enter__(self) -> Self:
        """Start an archive."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the archive."""
        if error is None:
            self._header(_TRAILER, 0, 0)

    def directory(self, name: str) -> None:
        """Add a directory."""
        self._header(name, stat.S_IFDIR | 0o755, 0)

    def device(self, name: str, *, kind: int, major: int, minor: int) -> None:
        """Add a device node; `kind` is `stat.S_IFCHR` or `stat.S_IFBLK`."""
        self._header(name, kind | 0o600, 0, device=(major, minor))

    def file(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """Add a file with this content."""
        self._header(name, stat.S_IFREG | mode, len(content))
        self._file.write(content)
        self._pad(len(content))

    def file_from(self, name: str, source: Path, *, mode: int = 0o644) -> None:
        """Add a copy of the file `source`."""
        size = source.stat().st_size
        self._header(name, stat.S_IFREG | mode, size)
        with source.open("rb") as content:
            shutil.copyfileobj(content, self._file, 1 << 20)
        self._pad(size)

    def _header(self, name: str, mode: int, size: int, *, device: tuple[int, int] = (0, 0)) -> None:
        raw_name = name.encode() + b"\0"
        self._count += 1
        links = 1 if mode else 0
        # inode, mode, uid, gid, links, mtime, size, device of the file, device node, name, check
        fields = (self._count, mode, 0, 0, links, 0, size, 0, 0, *device, len(raw_name), 0)
        self._file.write(_MAGIC + b"".join(b"%08x" % field for field in fields) + raw_name)
        self._pad(len(_MAGIC) + 8 * len(fields) + len(raw_name))

    def _pad(self, size: int) -> None:
        self._file.write(bytes(-size % 4))
