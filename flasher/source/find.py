# SPDX-License-Identifier: Apache-2.0
"""Finds the disk image in a file by looking into everything that can hold one."""

import io
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ImageError
from flasher.source.archive import tar_members, zip_members
from flasher.source.child import open_child
from flasher.source.decode import Decoder
from flasher.source.format import COMPRESSIONS, HEAD_BYTES, Kind, NotAnImageError, recognise
from flasher.source.forward import Forward
from flasher.source.image import Layer
from flasher.source.stream import Peeked, open_member

_DEEPEST = 4
_PACK_IMAGE = "give an archive with the image of a whole disk in it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A disk image in a file; `stream` is at its start and is read before looking further."""

    kind: Kind
    """Raw or qcow2."""
    layers: tuple[Layer, ...]
    stream: io.RawIOBase


def find_images(path: Path, *, blocks: int = 1) -> Generator[Found]:
    """Yield the images in `path`: one, or all those in a tar archive.

    Raises:
        ImageError: when there is none.
    """
    stream: io.RawIOBase = path.open("rb", buffering=0)
    with closing(stream):
        kind = recognise(stream.read(HEAD_BYTES) or b"", path)
        stream.seek(0)
        if kind is Kind.ZIP:
            yield from _find_in_zip(path)
        elif child := open_child(path, kind, blocks=blocks):
            with closing(child):
                yield from _find(child, (Layer(kind=kind),), str(path))
        else:
            yield from _find_kind(kind, stream, (), str(path))


def _find(stream: io.RawIOBase, layers: tuple[Layer, ...], name: str) -> Generator[Found]:
    peeked = Peeked(stream, HEAD_BYTES)
    kind = recognise(peeked.head, name)
    if kind is Kind.ZIP:
        raise NotAnImageError(f"{name} holds a zip archive inside another", hint="unpack it")
    if len(layers) >= _DEEPEST:
        raise NotAnImageError(f"{name} is packed too many times over", hint="unpack it")
    yield from _find_kind(kind, peeked, layers, name)


def _find_kind(
    kind: Kind, stream: io.RawIOBase, layers: tuple[Layer, ...], name: str
) -> Generator[Found]:
    if kind in COMPRESSIONS:
        yield from _find(Decoder(stream, kind), (*layers, Layer(kind=kind)), name)
    elif kind is Kind.TAR:
        yield from _find_in_tar(stream, layers, name)
    else:
        yield Found(kind=kind, layers=layers, stream=stream)


def _find_in_tar(stream: io.RawIOBase, layers: tuple[Layer, ...], name: str) -> Generator[Found]:
    seen = 0
    for member, content in tar_members(stream, is_file=stream.seekable()):
        inside = (*layers, Layer(kind=Kind.TAR, member=member))
        try:
            for found in _find(_Content(content), inside, member.name):
                seen += 1
                yield found
        except NotAnImageError:
            continue
    if not seen:
        raise NotAnImageError(f"there is no disk image in {name}", hint=_PACK_IMAGE)


def _find_in_zip(path: Path) -> Generator[Found]:
    reasons: list[ImageError] = []
    for member in zip_members(path):
        with path.open("rb", buffering=0) as file:
            inside = (Layer(kind=Kind.ZIP, member=member),)
            try:
                yield from _find(open_member(file, member), inside, member.name)
            except NotAnImageError as error:
                reasons.append(error)
            else:
                return
    raise ImageError(f"there is no disk image in {path}", hint=_PACK_IMAGE)


class _Content(Forward):
    """A member of a tar archive that is read through the archive."""

    def __init__(self, content: io.BufferedIOBase) -> None:
        super().__init__(content)
        self._content = content

    def _fill(self, into: memoryview) -> int:
        return self._content.readinto(into)
