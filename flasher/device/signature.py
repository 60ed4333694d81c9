# SPDX-License-Identifier: Apache-2.0
"""Recognises partition tables and file systems by their own first bytes.

Serves hosts without udevd and regular files. It knows what matters for not destroying
something: common file systems with their labels, and members of RAID, LVM, LUKS and ZFS.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

_HEAD_BYTES = 256 * 1024  # reaches the uberblocks of a ZFS member


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What some bytes say they are."""

    fs_type: str
    label: str = ""


def read_table_type(fd: int) -> str:
    """Return "gpt", "mbr" or "" for the disk or file behind `fd`."""
    head = os.pread(fd, 8192, 0)
    if head[512:520] == b"EFI PART" or head[4096:4104] == b"EFI PART":
        return "gpt"
    is_mbr = head[510:512] == b"\x55\xaa" and any(
        head[446 + 16 * index + 4] and head[446 + 16 * index] in (0, 0x80) for index in range(4)
    )
    return "mbr" if is_mbr and not _fat(head) else ""


def read_signature(fd: int, size_bytes: int, offset: int = 0) -> Signature | None:
    """Return what lies in `size_bytes` at `offset` of `fd`, or None when nothing is known."""
    head = os.pread(fd, min(_HEAD_BYTES, size_bytes), offset)
    for recognise in _RECOGNISERS:
        if found := recognise(head):
            return found
    return _old_raid(fd, offset, size_bytes)


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode(errors="replace").strip()


def _ext(head: bytes) -> Signature | None:
    if head[1080:1082] != b"\x53\xef":
        return None
    compat, incompat = struct.unpack_from("<II", head, 1024 + 0x5C)
    is_ext4 = bool(incompat & 0x2C0)  # extents, 64 bit, flexible groups
    fs_type = "ext4" if is_ext4 else "ext3" if compat & 0x4 else "ext2"
    return Signature(fs_type=fs_type, label=_text(head[1144:1160]))


def _fat(head: bytes) -> Signature | None:
    if head[510:512] != b"\x55\xaa":
        return None
    for kind_at, label_at in ((82, 71), (54, 43)):
        if head[kind_at : kind_at + 3] == b"FAT":
            label = _text(head[label_at : label_at + 11])
            return Signature(fs_type="vfat", label="" if label == "NO NAME" else label)
    return None


def _plain(fs_type: str, offset: int, magic: bytes, label: slice | None = None) -> "_Recogniser":
    def recognise(head: bytes) -> Signature | None:
        if head[offset : offset + len(magic)] != magic:
            return None
        return Signature(fs_type=fs_type, label=_text(head[label]) if label else "")

    return recognise


def _lvm(head: bytes) -> Signature | None:
    labels = (head[512 * sector : 512 * sector + 8] for sector in range(4))
    return Signature(fs_type="LVM2_member") if b"LABELONE" in labels else None


def _zfs(head: bytes) -> Signature | None:
    magic = 0x00BAB10C
    words = {struct.pack(order + "Q", magic) for order in "<>"}
    places = range(128 * 1024, 256 * 1024, 1024)
    found = any(head[place : place + 8] in words for place in places)
    return Signature(fs_type="zfs_member") if found else None


def _old_raid(fd: int, offset: int, size_bytes: int) -> Signature | None:
    """Look for RAID superblocks that live at the end: md 0.90 and 1.0."""
    magic = 0xA92B4EFC
    places = [(size_bytes & ~0xFFFF) - 0x10000, (size_bytes & ~0x1FFF) - 0x2000]
    places += [(size_bytes & ~0xFFF) - 0x2000]
    for place in places:
        if place <= 0:
            continue
        if os.pread(fd, 4, offset + place) == struct.pack("<I", magic):
            return Signature(fs_type="linux_raid_member")
    return None


_Recogniser = Callable[[bytes], Signature | None]

# LVM and RAID first: their members may carry what looks like the file system on top.
_RECOGNISERS: tuple[_Recogniser, ...] = (
    _lvm,
    _plain("linux_raid_member", 0, b"\xfc\x4e\x2b\xa9"),
    _plain("linux_raid_member", 4096, b"\xfc\x4e\x2b\xa9"),
    _plain("crypto_LUKS", 0, b"LUKS\xba\xbe"),
    _plain("bcache", 4096 + 24, bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81")),
    _plain("BitLocker", 3, b"-FVE-FS-"),
    _plain("ntfs", 3, b"NTFS    "),
    _plain("exfat", 3, b"EXFAT   "),
    _plain("xfs", 0, b"XFSB", slice(108, 120)),
    _plain("btrfs", 0x10040, b"_BHRfS_M", slice(0x1012B, 0x1022B)),
    _plain("f2fs", 1024, b"\x10\x20\xf5\xf2"),
    _plain("squashfs", 0, b"hsqs"),
    _plain("erofs", 1024, b"\xe2\xe1\xf5\xe0"),
    _plain("swap", 4086, b"SWAPSPACE2", slice(1052, 1068)),
    _plain("iso9660", 0x8001, b"CD001", slice(0x8028, 0x8048)),
    _ext,
    _fat,
    _zfs,
)
