# SPDX-License-Identifier: Apache-2.0
"""What is known of an image before it is written: what it unpacks to and where its data lies."""

from dataclasses import dataclass
from pathlib import Path

from edge.units import MIB
from flasher.map import RangeCheck
from flasher.ranges import Range
from flasher.source.fault import explained
from flasher.source.format import Kind

HEAD_BYTES = MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells whether a file is still the one that was looked at."""

    device: int
    inode: int
    size_bytes: int
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in a zip or tar archive; offsets are those in what the archive lies in."""

    name: str
    start: int
    """Where its first byte lies."""
    packed_bytes: int
    """How much of the archive it takes."""
    size_bytes: int
    is_deflated: bool = False
    crc32: int | None = None
    pieces: tuple[Range, ...] | None = None
    """Where the stored bytes belong in a sparse file; the rest of it is zero."""

    @property
    def is_plain(self) -> bool:
        """Whether its bytes lie in the archive as they are."""
        return not self.is_deflated and self.pieces is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One thing that an image is packed in."""

    kind: Kind
    member: Member | None = None
    """Which of an archive's files it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A disk image: what it unpacks to and where its data lies."""

    path: Path
    """A file of this host."""
    format: str
    """raw, gz, xz, zst or bz2; with an archive also zip:raw, tar:raw, tar.xz and the like."""
    size_bytes: int
    """The size when unpacked."""
    sha256: str
    """Of the unpacked bytes; empty when they were not read through beforehand."""
    data: tuple[Range, ...]
    """What must be written; the rest is zero, or in `unread`."""
    head: bytes
    """The first MiB, which holds the partition table."""
    stamp: Stamp
    unread: tuple[Range, ...] = ()
    """What nobody reads and may be left as it is on the medium."""
    checks: tuple[RangeCheck, ...] = ()
    """What must hold while the image is streamed, by its block map."""
    layers: tuple[Layer, ...] = ()
    """What it is packed in, the outermost first."""
    origin: str = ""
    """What the user named, where that is not `path`: an address, `-`, or a file that was
    converted."""


def read_stamp(path: Path) -> Stamp:
    """Return what identifies the present content of the file `path`."""
    with explained(path):
        status = path.stat()
    return Stamp(
        device=status.st_dev,
        inode=status.st_ino,
        size_bytes=status.st_size,
        changed_ns=status.st_mtime_ns,
    )


def format_of(layers: tuple[Layer, ...]) -> str:
    """Return the short name of what an image is packed in."""
    names: list[str] = []
    for layer in layers:
        if layer.kind is Kind.TAR and names and names[-1] in {"gz", "xz", "zst", "bz2"}:
            names[-1] = f"tar.{names[-1]}"
        else:
            names.append(str(layer.kind))
    if not names or names[-1] in {Kind.ZIP, Kind.TAR}:
        names.append(str(Kind.RAW))
    return ":".join(names)
