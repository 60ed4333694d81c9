# SPDX-License-Identifier: Apache-2.0
"""What a program file is: the machine it runs on, and what its header says of its size."""

import gzip
import struct
import zlib
from dataclasses import dataclass

from edge.errors import ImageError

MACHINES = {0x8664: "amd64", 0xAA64: "arm64", 0x014C: "i386", 0x01C2: "arm"}
_ELF_MACHINES = {62: "amd64", 183: "arm64", 3: "i386", 40: "arm", 137: "VideoCore"}
_ARM64_MAGIC_AT, _ARM64_MAGIC = 56, b"ARM\x64"
_BZIMAGE_AT, _BZIMAGE = 0x202, b"HdrS"


@dataclass(frozen=True, slots=True, kw_only=True)
class EfiProgram:
    """An EFI program: its architecture and how much memory it takes."""

    arch: str
    image_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelImage:
    """A kernel: its architecture and the memory it needs from where it is put."""

    arch: str
    image_bytes: int
    version: str
    has_efi_stub: bool
    """Whether it is an EFI program itself, which is how GRUB starts it."""


def read_efi(content: bytes) -> EfiProgram:
    """Return what the header of an EFI program says.

    Raises:
        ImageError: when it is none.
    """
    at = _u32(content, 0x3C) if content[:2] == b"MZ" else 0
    if not at or content[at : at + 4] != b"PE\0\0":
        raise ImageError("is not an EFI program (it has no PE header)")
    machine = int.from_bytes(content[at + 4 : at + 6], "little")
    arch = MACHINES.get(machine, f"machine {machine:#06x}")
    return EfiProgram(arch=arch, image_bytes=_u32(content, at + 24 + 56))


def elf_arch(content: bytes) -> str:
    """Return the architecture of a little-endian ELF file, or nothing when it is none."""
    if content[:4] != b"\x7fELF" or content[5:6] != b"\1":
        return ""
    machine = int.from_bytes(content[18:20], "little")
    return _ELF_MACHINES.get(machine, f"machine {machine}")


def read_kernel(content: bytes) -> KernelImage:
    """Return what the header of a kernel says: an arm64 Image or a bzImage, unpacked.

    Raises:
        ImageError: when it is neither.
    """
    stub = content[:2] == b"MZ"
    if content[_ARM64_MAGIC_AT : _ARM64_MAGIC_AT + 4] == _ARM64_MAGIC:
        (size,) = struct.unpack_from("<Q", content, 16)
        return KernelImage(
            arch="arm64", image_bytes=size, version=_banner(content), has_efi_stub=stub
        )
    if content[_BZIMAGE_AT : _BZIMAGE_AT + 4] == _BZIMAGE:
        at = 0x200 + int.from_bytes(content[0x20E:0x210], "little")
        version = content[at : at + 200].split(b"\0")[0].split(b" ")[0].decode(errors="replace")
        return KernelImage(
            arch="amd64", image_bytes=_u32(content, 0x260), version=version, has_efi_stub=stub
        )
    raise ImageError("is neither an arm64 Image nor a bzImage")


def unpack_kernel(content: bytes) -> bytes:
    """Return the kernel without the gzip compression that loaders take off.

    Raises:
        ImageError: when that is damaged.
    """
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ImageError(f"is damaged: {error}") from error


def _banner(content: bytes) -> str:
    """Return the version that an arm64 kernel prints of itself."""
    at = content.find(b"Linux version ")
    words = content[at : at + 200].split(b" ") if at >= 0 else []
    return words[2].decode(errors="replace") if len(words) > 2 else ""


def _u32(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "little")
