# SPDX-License-Identifier: Apache-2.0
"""Finds the block map that belongs to an image."""

from collections.abc import Iterator
from pathlib import Path

from flasher.map import Bmap, parse_bmap, read_bmap
from flasher.source.download import fetch_bytes, is_address, shown
from flasher.source.verify import Subject


def find_bmap(subject: Subject, given: Path | str | None) -> Bmap | None:
    """Return the block map that was given, or else that beside the image's file.

    Raises:
        ImageError: when it cannot be had, or does not match its own checksum.
    """
    if given is not None:
        return _read(given) if str(given) else None
    if is_address(subject.origin) or subject.origin == "-":
        return None
    found = (path for path in _places(subject) if path.is_file())
    path = next(found, None)
    return read_bmap(path) if path else None


def _read(given: Path | str) -> Bmap:
    if is_address(given):
        return parse_bmap(fetch_bytes(str(given)), shown(str(given)))
    return read_bmap(Path(given))


def _places(subject: Subject) -> Iterator[Path]:
    """Yield image.img.xz.bmap, image.img.bmap and image.bmap, in this order."""
    names = [subject.name, *subject.unpacked_names]
    for name in names:
        yield subject.path.with_name(f"{name}.bmap")
    yield subject.path.with_name(f"{Path(names[-1]).stem}.bmap")
