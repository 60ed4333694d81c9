# SPDX-License-Identifier: Apache-2.0
"""Pieces that the user supplies by path: are all there, and are they what they should be?"""

import gzip
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from boards.boot import Piece
from boards.profile import Profile
from edge.errors import ImageError, InputError

_ARM64_MAGIC = (0x38, b"ARM\x64")
_DEVICE_TREE_MAGIC = b"\xd0\x0d\xfe\xed"
_ROCKCHIP_MAGIC = b"RKNS"
_HEAD_BYTES = 64
# Few places, so that a wrong folder is told at once and not after a walk through a disk.
_MODULES = ("kernel", *(f"{above}*/kernel" for above in ("", "modules/", "lib/modules/")))
_MODULES += ("usr/lib/modules/*/kernel", "*/lib/modules/*/kernel")

DAMAGED = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)
"""What reading a packed file that is cut short or damaged raises."""


def check_pieces(profile: Profile, given: Mapping[str, Path]) -> dict[str, Path]:
    """Return the pieces of `profile` by name, each looked at.

    Raises:
        InputError: when one is unknown or missing; the hint says where it comes from.
        ImageError: when one is not what it should be; the hint says what to do.
    """
    known = {piece.name: piece for piece in profile.pieces}
    for name in sorted(given.keys() - known.keys()):
        wanted = ", ".join(known) or "none; all of it comes from Debian"
        raise InputError(f"board {profile.name} has no piece {name!r}", hint=f"pieces: {wanted}")
    for piece in profile.pieces:
        if piece.name in given:
            check_form(piece, given[piece.name])
        elif piece.required:
            raise InputError(
                f"board {profile.name} needs {piece.title}, which Debian does not have",
                hint=f"edgectl image build --board {profile.name} --piece {piece.name}=PATH;"
                f" from {piece.origin}: {piece.action}",
            )
    return dict(given)


def check_form(piece: Piece, path: Path) -> None:
    """Look whether `path` is what the piece should be.

    Raises:
        InputError: when it is not there.
        ImageError: when it is something else.
    """
    if not path.exists():
        raise InputError(f"--piece {piece.name}: there is no {path}", hint=f"from {piece.origin}")
    try:
        wrong = _FORMS[piece.form](path)
    except OSError as error:
        raise InputError(
            f"--piece {piece.name}: {path} cannot be read: {error.strerror}"
        ) from error
    if wrong:
        raise ImageError(
            f"--piece {piece.name}: {path} is not {piece.title}: {wrong}",
            hint=f"from {piece.origin}: {piece.action}",
        )


def module_folders(path: Path) -> list[Path]:
    """Return the folders `.../modules/VERSION` in `path`, or `path` where it is one itself."""
    return sorted({each.parent for place in _MODULES for each in path.glob(place) if each.is_dir()})


def read_kernel(path: Path) -> bytes:
    """Return the arm64 kernel in `path`, unpacked where it is gzip'ed."""
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _kernel_fault(path: Path) -> str:
    if not path.is_file():
        return "it is a folder"
    at, magic = _ARM64_MAGIC
    try:
        content = read_kernel(path)
    except DAMAGED as error:
        return f"it cannot be unpacked ({error})"
    return "" if content[at : at + 4] == magic else "it has no arm64 kernel header"


def _modules_fault(path: Path) -> str:
    if path.is_dir():
        return "" if module_folders(path) else "it holds no lib/modules/VERSION/kernel"
    if not tarfile.is_tarfile(path):
        return "it is neither a folder nor a tar archive"
    try:
        with tarfile.open(path) as archive:  # read to its end
            names = [Path(member.name).name for member in archive]
    except DAMAGED as error:
        return f"it cannot be unpacked ({error})"
    return "" if any(".ko" in name for name in names) else "it holds no kernel modules (*.ko)"


def _device_tree_fault(path: Path) -> str:
    head = _head(path)
    size = int.from_bytes(head[4:8], "big")
    if not head.startswith(_DEVICE_TREE_MAGIC):
        return "it does not begin as a compiled device tree does"
    return "" if size <= path.stat().st_size else "it is cut short"


def _folder_fault(path: Path) -> str:
    return "" if path.is_dir() and any(path.iterdir()) else "it is not a folder with files"


def _rockchip_fault(path: Path) -> str:
    return "" if _head(path).startswith(_ROCKCHIP_MAGIC) else "it does not begin with RKNS"


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


_FORMS = {
    "arm64-kernel": _kernel_fault,
    "module-tree": _modules_fault,
    "device-tree": _device_tree_fault,
    "firmware-tree": _folder_fault,
    "rockchip-loader": _rockchip_fault,
}
