# SPDX-License-Identifier: Apache-2.0
"""What is on a disk or partition, told by the first bytes: a file system, swap, or encryption.

Offsets and magic numbers are those of the formats themselves; nothing is read behind the first
68 KiB, and nothing is ever written.
"""

import struct
import uuid
from dataclasses import dataclass
from typing import BinaryIO

HEAD_BYTES = 68 * 1024
_META_MAGIC = 0x5A4B3C2D
_EXTENTS, _JOURNAL = 0x40, 0x4


@dataclass(frozen=True, slots=True)
class Content:
    """The name of a format, with what it says of itself."""

    name: str
    uuid: str = ""
    label: str = ""


def recognise(file: BinaryIO, offset: int = 0, size_bytes: int = HEAD_BYTES) -> Content | None:
    """Return what begins at `offset`, or nothing that is known.

    Raises:
        OSError: when the device cannot be read.
    """
    file.seek(offset)
    head = file.read(min(HEAD_BYTES, size_bytes)).ljust(HEAD_BYTES, b"\0")
    for reader in _READERS:
        if found := reader(head):
            return found
    return None


def _ext(head: bytes) -> Content | None:
    block = head[1024:2048]
    if block[56:58] != b"\x53\xef":
        return None
    compatible, incompatible = struct.unpack_from("<II", block, 92)
    older = "ext3" if compatible & _JOURNAL else "ext2"
    name = "ext4" if incompatible & _EXTENTS else older
    return Content(name, _uuid(block[104:120]), _text(block[120:136]))


def _xfs(head: bytes) -> Content | None:
    if head[:4] != b"XFSB":
        return None
    return Content("xfs", _uuid(head[32:48]), _text(head[108:120]))


def _vfat(head: bytes) -> Content | None:
    if head[510:512] != b"\x55\xaa":
        return None
    for mark, serial, label in ((82, 67, 71), (54, 39, 43)):
        if head[mark : mark + 3] == b"FAT":
            number = head[serial : serial + 4][::-1].hex().upper()
            name = _text(head[label : label + 11])
            return Content("vfat", f"{number[:4]}-{number[4:]}", "" if name == "NO NAME" else name)
    return None


def _squashfs(head: bytes) -> Content | None:
    return Content("squashfs") if head[:4] == b"hsqs" else None


def _luks(head: bytes) -> Content | None:
    if head[:6] != b"LUKS\xba\xbe":
        return None
    label = _text(head[24:72]) if head[6:8] == b"\0\2" else ""
    return Content("luks", _text(head[168:208]), label)


def _swap(head: bytes) -> Content | None:
    if head[4086:4096] != b"SWAPSPACE2":
        return None
    return Content("swap", _uuid(head[1036:1052]), _text(head[1052:1068]))


def _iso9660(head: bytes) -> Content | None:
    if head[32769:32774] != b"CD001":
        return None
    return Content("iso9660", label=_text(head[32808:32840]))


def _btrfs(head: bytes) -> Content | None:
    block = head[65536:]
    if block[64:72] != b"_BHRfS_M":
        return None
    return Content("btrfs", _uuid(block[32:48]), _text(block[299:555]))


def _meta(head: bytes) -> Content | None:
    is_meta = struct.unpack_from(">I", head)[0] == _META_MAGIC
    return Content("talosmeta") if is_meta else None


_READERS = (_luks, _ext, _xfs, _squashfs, _swap, _btrfs, _iso9660, _vfat, _meta)


def _uuid(data: bytes) -> str:
    return str(uuid.UUID(bytes=data))


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode(errors="replace").strip()
