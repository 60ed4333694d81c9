# SPDX-License-Identifier: Apache-2.0
"""Recognises what a file is by its first bytes; names and suffixes never count."""

import re
import tarfile
from enum import StrEnum
from pathlib import Path

from flasher.source.fault import AGAIN, WrongImageError

HEAD_BYTES = 4096
"""How much of a file `recognise` wants to see."""

_TAR_BLOCK = 512
_PACK = "unpack it, or compress the disk image with gzip, xz or zstd"
_CONVERT = "convert it: qemu-img convert -O raw OLD NEW"


class NotAnImageError(WrongImageError):
    """These bytes neither are a disk image nor hold one."""


class Kind(StrEnum):
    """What the bytes of a file are."""

    RAW = "raw"
    GZ = "gz"
    XZ = "xz"
    ZST = "zst"
    BZ2 = "bz2"
    ZIP = "zip"
    TAR = "tar"
    QCOW2 = "qcow2"


COMPRESSIONS = frozenset({Kind.GZ, Kind.XZ, Kind.ZST, Kind.BZ2})

_MAGIC = (
    (re.compile(rb"\x1f\x8b"), Kind.GZ),
    (re.compile(rb"\xfd7zXZ\0"), Kind.XZ),
    # A frame of data, or one to be skipped that parallel compressors begin with.
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL), Kind.ZST),
    (re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), Kind.BZ2),
    (re.compile(rb"PK\x03\x04|PK\x05\x06|PK00PK\x03\x04|PK\x07\x08PK\x03\x04"), Kind.ZIP),
    (re.compile(rb"QFI\xfb"), Kind.QCOW2),
)
_FOREIGN = (
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "7z archive"),
    (re.compile(rb"Rar!"), "rar archive"),
    (re.compile(rb"\x04\x22\x4d\x18"), "lz4 file"),
    (re.compile(rb"\x89LZO\0"), "lzop file"),
    (re.compile(rb"LZIP"), "lzip file"),
    (re.compile(rb"hsqs"), "squashfs file system without a partition table"),
    (re.compile(rb"\x3a\xff\x26\xed"), "sparse image of Android's fastboot"),
    (re.compile(rb"KDMV|# Disk Desc"), "VMware disk image"),
    (re.compile(rb"conectix|vhdxfile"), "Hyper-V disk image"),
    (re.compile(rb"<<< .{0,60}VirtualBox|<<< .{0,60}VDI"), "VirtualBox disk image"),
    (re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE), "web page"),
)


def recognise(head: bytes, name: object) -> Kind:
    """Return what a file that begins with `head` is; `name` is for the error message.

    Raises:
        NotAnImageError: when it neither is a disk image nor can hold one.
    """
    for magic, kind in _MAGIC:
        if magic.match(head):
            return kind
    for magic, what in _FOREIGN:
        if magic.match(head):
            hint = AGAIN if what == "web page" else _CONVERT if "disk image" in what else _PACK
            raise NotAnImageError(
                f"{name} is a {what}, which cannot be written as it is", hint=hint
            )
    if _is_tar(head):
        return Kind.TAR
    if head[510:512] == b"\x55\xaa":
        return Kind.RAW
    if not head:
        raise NotAnImageError(f"{name} is empty", hint=AGAIN)
    raise NotAnImageError(
        f"{name} is not a disk image: it has no partition table",
        hint="give the image of a whole disk, plain, as .gz, .xz, .zst, .bz2, .zip, .tar or .qcow2",
    )


def recognise_file(path: Path) -> Kind:
    """Return what the file `path` is.

    Raises:
        NotAnImageError: when it neither is a disk image nor can hold one.
    """
    with path.open("rb") as file:
        return recognise(file.read(HEAD_BYTES), path)


def _is_tar(head: bytes) -> bool:
    """Tell whether a member's header with a right checksum comes first."""
    try:
        tarfile.TarInfo.frombuf(head[:_TAR_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
