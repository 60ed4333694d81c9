# SPDX-License-Identifier: Apache-2.0
"""Makes an `Image` of what the user named, checked as far as it must be before it is written.

A raw image is mapped by looking into it. A packed one with a block map is checked from outside
and decoded only while it is written; without one it is decoded once beforehand. Both are read
to the end as well when a checksum of the unpacked image must be compared.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from shutil import copyfileobj
from typing import TypeVar

from edge.errors import ImageError, TrustError
from edge.events import Listener, ignore, step
from edge.units import MIB
from flasher.map import Bmap, Mapping, map_bmap, map_raw
from flasher.source.beside import find_bmap
from flasher.source.fault import WrongImageError, explained
from flasher.source.find import Found, find_images
from flasher.source.format import Kind, recognise_file
from flasher.source.image import HEAD_BYTES, Image, Layer, format_of, read_stamp
from flasher.source.origin import fetch_source
from flasher.source.qcow2 import convert_qcow2
from flasher.source.scan import Scan, scan_stream
from flasher.source.store import spool
from flasher.source.stream import fill
from flasher.source.structure import Structure, check_structure
from flasher.source.verify import (
    NOTHING,
    Claim,
    Subject,
    Verification,
    algorithms_of,
    check_file,
    check_image,
    collect_claims,
)
from flasher.source.whole import check_whole

T = TypeVar("T")


def load_image(
    source: str | Path,
    verification: Verification = NOTHING,
    *,
    bmap: Path | str | None = None,
    listener: Listener = ignore,
) -> Image:
    """Return the image at `source`: a path, an http(s) address, or `-` for standard input.

    Args:
        source: In any format that `Kind` lists, recognised by content.
        verification: What it is proved with, before anything is written.
        bmap: Its block map, a path or an address; by default that beside the image, and none
            when it is empty.
        listener: Hears of progress.

    Raises:
        ImageError: when it cannot be had, is truncated, damaged or no disk image, or does not
            match a checksum.
        TrustError: when its signature is missing or wrong.
        ToolError: when a program that it needs is not installed.
    """
    subject = fetch_source(source, verification, listener)
    with _called(subject):
        block_map = find_bmap(subject, bmap, verification, listener)
        claims = collect_claims(subject, verification, listener)
        try:
            image = _Loading(subject, claims, block_map, listener).run()
        except WrongImageError:
            subject.discard()
            raise
    return replace(image, origin="" if subject.origin == str(image.path) else subject.origin)


def scan_image(path: Path, listener: Listener = ignore) -> Image:
    """Read the whole image in the file `path`, without looking at what lies beside it.

    Raises:
        ImageError: when it cannot be read, is truncated, or is no disk image.
    """
    subject = Subject(path=path, name=path.name, origin=str(path))
    return _Loading(subject, (), None, listener).run(read_all=True)


@contextmanager
def _called(subject: Subject) -> Iterator[None]:
    """Have errors call the image as the user did, who never saw its place in the cache."""
    try:
        yield
    except (ImageError, TrustError) as error:
        error.message = error.message.replace(str(subject.path), subject.title)
        error.args = (error.message,)
        raise


class _Loading:
    """One image on its way from a local file to what is known of it."""

    def __init__(
        self, subject: Subject, claims: Sequence[Claim], block_map: Bmap | None, listener: Listener
    ) -> None:
        self._subject, self._claims = subject, claims
        self._block_map, self._listener = block_map, listener
        self._path = subject.path
        self._structure = Structure()

    def run(self, *, read_all: bool = False) -> Image:
        with explained(self._path):
            stamp = read_stamp(self._path)
            kind = self._open()
            if self._claims or read_all or (kind is not Kind.RAW and self._block_map is None):
                image = self._scan()
            elif kind is Kind.RAW:
                image = self._map_raw()
            else:
                image = self._map_packed()
        if stamp != read_stamp(self._subject.path):
            raise ImageError(f"{self._subject.title} changed while it was read")
        check_whole(image)
        return image

    def _open(self) -> Kind:
        """Check the file from outside; from here on a qcow2 image is the raw one made of it."""
        kind = recognise_file(self._path)
        if kind is Kind.RAW:
            return kind
        self._claims = check_file(self._subject, self._claims, self._listener)
        self._structure = check_structure(self._path, kind)
        with closing(find_images(self._path)) as images:
            found = next(images)
            if found.kind is Kind.RAW:
                return kind
            packed = _spool(found) if found.layers else self._path
            _only(self._path, [(one.layers, None) for one in (found, *images)])
        with step(self._listener, "unpack image"):
            self._path = convert_qcow2(packed, _key(self._subject))
        return Kind.RAW

    def _map_raw(self) -> Image:
        with self._path.open("rb", buffering=0) as file:
            head = file.read(HEAD_BYTES) or b""
            size_bytes = os.fstat(file.fileno()).st_size
            mapping = map_raw(file.fileno(), size_bytes, self._block_map)
        return self._image((), mapping, head)

    def _map_packed(self) -> Image:
        """Look at the head of a packed image alone, for its block map tells the rest."""
        assert self._block_map
        heads = [(found.layers, _read_head(found)) for found in find_images(self._path)]
        layers, head = _only(self._path, heads)
        size_bytes = _unpacked_bytes(layers, self._structure)
        if size_bytes not in {None, self._block_map.size_bytes}:
            raise ImageError(
                f"{self._block_map.name} is the block map of an image of"
                f" {self._block_map.size_bytes} bytes, this one has {size_bytes}",
                hint="give the block map that came with this image, or none",
            )
        return self._image(layers, map_bmap(self._block_map, head), head)

    def _scan(self) -> Image:
        images = find_images(self._path, blocks=self._structure.blocks)
        scans = [(found.layers, self._read(found)) for found in images]
        layers, scan = _only(self._path, scans)
        check_image(self._subject, self._claims, scan.digests)
        return self._image(layers, scan.mapping, scan.head, scan.sha256)

    def _read(self, found: Found) -> Scan:
        return scan_stream(
            found.stream,
            self._path,
            self._listener,
            algorithms=algorithms_of(self._claims),
            likely_bytes=self._likely_bytes(found),
            block_map=self._block_map,
        )

    def _likely_bytes(self, found: Found) -> int:
        file_bytes = self._path.stat().st_size
        known = _unpacked_bytes(found.layers, self._structure) if found.layers else file_bytes
        return known or max(self._structure.likely_bytes, file_bytes)

    def _image(
        self, layers: tuple[Layer, ...], mapping: Mapping, head: bytes, sha256: str = ""
    ) -> Image:
        return Image(
            path=self._path,
            format=format_of(layers),
            size_bytes=mapping.size_bytes,
            sha256=sha256,
            data=mapping.data,
            unread=mapping.unread,
            checks=mapping.checks,
            head=head,
            stamp=read_stamp(self._path),
            layers=layers,
        )


def _read_head(found: Found) -> bytes:
    view = memoryview(bytearray(HEAD_BYTES))
    return bytes(view[: fill(found.stream, view)])


def _only(path: Path, found: list[tuple[tuple[Layer, ...], T]]) -> tuple[tuple[Layer, ...], T]:
    """Return the one image that was found, for nobody guesses which of several is meant."""
    if len(found) > 1:
        names = [each.member.name for layers, _ in found for each in layers if each.member]
        raise ImageError(
            f"{path} holds several disk images: {', '.join(names)}",
            hint="unpack it and give one of them",
        )
    return found[0]


def _unpacked_bytes(layers: tuple[Layer, ...], structure: Structure) -> int | None:
    """Return the size of an image where what it is packed in tells it."""
    member = layers[-1].member
    if member is not None:
        return member.size_bytes
    return structure.size_bytes if len(layers) == 1 else None


def _spool(found: Found) -> Path:
    return spool(lambda file: copyfileobj(found.stream, file, MIB))


def _key(subject: Subject) -> str:
    return sha256(f"{subject.path} {read_stamp(subject.path)}".encode()).hexdigest()[:24]
