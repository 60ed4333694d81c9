# SPDX-License-Identifier: Apache-2.0
"""The files of a FAT32 file system inside an image, by the names that firmware sees."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from edge.errors import ImageError

FAT16_LIMIT, FAT32_LIMIT = 4085, 65525
"""From how many clusters on a reader takes it for FAT16, for FAT32."""

_ENTRY = 32
_DELETED, _END = 0xE5, 0x00
_LABEL, _FOLDER, _LONG = 0x08, 0x10, 0x0F
_LINK_BITS = 0x0FFFFFFF
# Where the characters of a part of a long name are in its entry.
_LONG_PARTS = ((1, 11), (14, 26), (28, 32))


@dataclass(frozen=True, slots=True, kw_only=True)
class FatFile:
    """One file or folder: its path as written, from the top, and where its bytes are."""

    path: str
    is_folder: bool
    size_bytes: int
    cluster: int


class FatVolume:
    """A FAT32 file system that begins at `start` of `file`.

    Raises:
        ImageError: when there is none.
    """

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        boot = self._read(0, 512)
        if boot[510:512] != b"\x55\xaa" or boot[0] not in (0xEB, 0xE9):
            raise ImageError("the EFI partition holds no FAT file system")
        self.sector_bytes, self.cluster_sectors = _u16(boot, 11), boot[13]
        reserved, tables = _u16(boot, 14), boot[16]
        self.sectors = _u16(boot, 19) or _u32(boot, 32)
        self.has_fat32_fields = _u16(boot, 22) == 0 and _u16(boot, 17) == 0
        if not self.sector_bytes or not self.cluster_sectors:
            raise ImageError("the FAT file system's boot sector says nothing about its clusters")
        self._table_at = reserved * self.sector_bytes
        self._table_bytes = (_u16(boot, 22) or _u32(boot, 36)) * self.sector_bytes
        root_sectors = -(-_u16(boot, 17) * _ENTRY // self.sector_bytes)
        first = reserved + tables * self._table_bytes // self.sector_bytes + root_sectors
        self._clusters_at = first * self.sector_bytes
        self._root = _u32(boot, 44)
        self.clusters = (self.sectors - first) // self.cluster_sectors

    @cached_property
    def files(self) -> dict[str, FatFile]:
        """Every file and folder by its path."""
        return {each.path: each for each in self._walk(self._root, "", {self._root})}

    @cached_property
    def free_bytes(self) -> int:
        """How much room there is for more."""
        entries = array("I", self._links[8 : 8 + 4 * self.clusters])
        return entries.count(0) * self.cluster_sectors * self.sector_bytes

    @cached_property
    def label(self) -> str:
        """The name of the volume, from its root directory."""
        for raw, _ in self._entries(self._root):
            if raw[11] & _LABEL and raw[11] != _LONG:
                return raw[:11].decode("latin-1").strip()
        return ""

    def has(self, path: str) -> bool:
        """Tell whether there is a file of exactly this name."""
        return path in self.files and not self.files[path].is_folder

    def read(self, path: str) -> bytes:
        """Return the contents of a file.

        Raises:
            ImageError: when there is none of this name, or its clusters end too early.
        """
        if not self.has(path):
            raise ImageError(f"the EFI partition holds no {path}")
        found = self.files[path]
        content = b"".join(self._chain(found.cluster)) if found.size_bytes else b""
        if len(content) < found.size_bytes:
            raise ImageError(f"{path} on the EFI partition is cut off")
        return content[: found.size_bytes]

    def _walk(self, cluster: int, folder: str, seen: set[int]) -> Iterator[FatFile]:
        for raw, name in self._entries(cluster):
            if raw[11] & _LABEL or name in {".", ".."}:
                continue
            found = FatFile(
                path=f"{folder}{name}",
                is_folder=bool(raw[11] & _FOLDER),
                size_bytes=_u32(raw, 28),
                cluster=_u16(raw, 20) << 16 | _u16(raw, 26),
            )
            yield found
            if found.is_folder:
                if found.cluster in seen:
                    raise ImageError(f"folder {found.path} on the EFI partition is another one too")
                seen.add(found.cluster)
                yield from self._walk(found.cluster, f"{found.path}/", seen)

    def _entries(self, cluster: int) -> Iterator[tuple[bytes, str]]:
        """Yield the short entries of a folder, each with its long name if it has one."""
        long = ""
        content = b"".join(self._chain(cluster))
        for at in range(0, len(content), _ENTRY):
            raw = content[at : at + _ENTRY]
            if raw[0] == _END:
                return
            if raw[0] == _DELETED:
                long = ""
            elif raw[11] == _LONG:
                long = _long_part(raw) + long
            else:
                yield raw, long or _short_name(raw)
                long = ""

    def _chain(self, cluster: int) -> Iterator[bytes]:
        size = self.cluster_sectors * self.sector_bytes
        seen = set()
        while 2 <= cluster < self.clusters + 2:
            if cluster in seen:
                raise ImageError("a chain of clusters on the EFI partition is a circle")
            seen.add(cluster)
            yield self._read(self._clusters_at + (cluster - 2) * size, size)
            cluster = _u32(self._links, cluster * 4) & _LINK_BITS

    @cached_property
    def _links(self) -> bytes:
        return self._read(self._table_at, self._table_bytes)

    def _read(self, offset: int, size_bytes: int) -> bytes:
        self._file.seek(self._start + offset)
        raw = self._file.read(size_bytes)
        if len(raw) < size_bytes:
            raise ImageError("the FAT file system reaches beyond the end of the image")
        return raw


def _long_part(raw: bytes) -> str:
    units = b"".join(raw[start:end] for start, end in _LONG_PARTS)
    return units.decode("utf-16-le", "replace").split("\0")[0].rstrip("\uffff")


def _short_name(raw: bytes) -> str:
    """Return the name in capitals unless the entry says that its halves are small letters."""
    name, suffix = raw[:8].decode("latin-1").strip(), raw[8:11].decode("latin-1").strip()
    name = name.lower() if raw[12] & 0x08 else name
    suffix = suffix.lower() if raw[12] & 0x10 else suffix
    return f"{name}.{suffix}" if suffix else name


def _u16(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 2], "little")


def _u32(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")
