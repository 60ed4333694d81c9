# SPDX-License-Identifier: Apache-2.0
"""Checks that a compressed file is whole, as far as that shows without decoding it.

The end of an .xz, .zst or .bz2 file shows; that of a .gz file does not, because nothing in it
tells the end of its data from the middle.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flasher.source.bzip2 import check_bz2
from flasher.source.fault import explained
from flasher.source.format import Kind
from flasher.source.xz import read_xz
from flasher.source.zst import read_zst


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What a compressed file says of itself."""

    size_bytes: int | None = None
    """When unpacked, where it says so."""
    likely_bytes: int = 0
    """The size where nothing certain tells it; good enough to show progress."""
    blocks: int = 1
    """How many parts of it can be decoded side by side."""


def check_structure(path: Path, kind: Kind) -> Structure:
    """Return what the file `path` says of itself without being decoded.

    Raises:
        ImageError: when it is truncated or damaged.
    """
    with explained(path), _open(path) as fd:
        if kind is Kind.XZ:
            facts = read_xz(fd)
            return Structure(size_bytes=facts.size_bytes, blocks=facts.blocks)
        if kind is Kind.ZST:
            return Structure(size_bytes=read_zst(fd))
        if kind is Kind.GZ:
            return Structure(likely_bytes=_last_number(fd))
        if kind is Kind.BZ2:
            check_bz2(fd)
    return Structure()


def count_blocks(path: Path) -> int:
    """Return how many blocks the .xz file `path` has."""
    return check_structure(path, Kind.XZ).blocks


def _last_number(fd: int) -> int:
    """Return the size of a .gz file's last member, less what is above 4 GiB."""
    size_bytes = os.fstat(fd).st_size
    return int.from_bytes(os.pread(fd, 4, max(0, size_bytes - 4)), "little")


@contextmanager
def _open(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
