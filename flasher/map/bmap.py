# SPDX-License-Identifier: Apache-2.0
"""Block maps (.bmap) as bmaptool writes them, versions 1.2 to 2.0: read, verified and written.

Version 1.3 brought SHA-1 checksums; 2.0 (issued once by mistake as 1.4) names their type. The
file carries a checksum of itself, made while that checksum was all zeros.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree as Xml

from edge.errors import ImageError
from edge.units import MIB
from flasher.map.mapping import BLOCK_BYTES, RangeCheck
from flasher.map.sparse import data_ranges
from flasher.ranges import Range, align

_LARGEST_BYTES = 64 * MIB
_READ_BYTES = MIB
_VERSION = re.compile(r"(\d+)\.(\d+)")
_BLOCKS = re.compile(r"(\d+)(?:\s*-\s*(\d+))?", re.ASCII)
_ALGORITHMS = ("sha256", "sha1")
_AGAIN = "download image and block map again, or write the image without its block map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bmap:
    """A block map: which bytes of an image mean something, and what they hash to."""

    name: str
    """The file's path, for messages."""
    size_bytes: int
    """The size of the image when unpacked."""
    mapped: tuple[Range, ...]
    checks: tuple[RangeCheck, ...]


def read_bmap(path: Path) -> Bmap:
    """Read the block map at `path`.

    Raises:
        ImageError: when it cannot be read, contradicts itself or does not match its checksum.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise ImageError(
            f"cannot read the block map {path}: {(error.strerror or str(error)).lower()}"
        ) from error
    if len(data) > _LARGEST_BYTES:
        raise ImageError(f"{path} is too large for a block map", hint=_AGAIN)
    return parse_bmap(data, str(path))


def parse_bmap(data: bytes, name: str) -> Bmap:
    """Return the block map in `data`; `name` is what messages call it.

    Raises:
        ImageError: when it contradicts itself or does not match its checksum.
    """
    return _Reader(data, name).read()


def write_bmap(path: Path, image: Path, mapped: Iterable[Range] | None = None) -> None:
    """Write a version 2.0 block map of the raw `image`: of `mapped`, or of what it stores.

    Raises:
        OSError: when the image cannot be read or the map not be written.
    """
    with image.open("rb", buffering=0) as file:
        size_bytes = file.seek(0, os.SEEK_END)
        found = data_ranges(file.fileno(), size_bytes) if mapped is None else mapped
        ranges = align(found, BLOCK_BYTES, size_bytes)
        lines = [_range_line(one, _hash(file.fileno(), one)) for one in ranges]
    blocks = sum(_blocks(one.size_bytes) for one in ranges)
    text = _PAGE.format(
        size_bytes=size_bytes,
        block_bytes=BLOCK_BYTES,
        blocks=_blocks(size_bytes),
        mapped=blocks,
        checksum="0" * 64,
        ranges="".join(lines),
    )
    checksum = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(text.replace("0" * 64, checksum, 1))


class _Builder(Xml.TreeBuilder):
    """Builds a tree of a document that declares no types, and so no entities."""

    def doctype(self, *_declared: str | None) -> NoReturn:
        raise Xml.ParseError("it declares a document type")


class _Reader:
    """Reads one block map."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name = data, name
        self._root = self._parse()

    def read(self) -> Bmap:
        attribute, algorithm = self._verify()
        size_bytes, block_bytes = self._number("ImageSize"), self._number("BlockSize")
        if not block_bytes or self._number("BlocksCount") != -(-size_bytes // block_bytes):
            self._refuse("its number of blocks is not that of its image size")
        mapped: list[Range] = []
        checks: list[RangeCheck] = []
        for element, first, last in self._ranges():
            end = min((last + 1) * block_bytes, size_bytes)
            if (mapped and first * block_bytes < mapped[-1].end) or first * block_bytes >= end:
                self._refuse(f"its range {first}-{last} is out of order")
            mapped.append(Range(first * block_bytes, end))
            if (checksum := element.get(attribute)) is not None:
                self._check_hex(checksum, algorithm)
                checks.append(
                    RangeCheck(range=mapped[-1], digest=checksum.lower(), algorithm=algorithm)
                )
        if sum(-(-one.size_bytes // block_bytes) for one in mapped) != self._number(
            "MappedBlocksCount"
        ):
            self._refuse("its number of mapped blocks is not that of its ranges")
        return Bmap(
            name=self._name, size_bytes=size_bytes, mapped=tuple(mapped), checks=tuple(checks)
        )

    def _parse(self) -> Xml.Element:
        try:
            parser = Xml.XMLParser(target=_Builder())  # noqa: S314 - see _Builder
            root: Xml.Element = Xml.fromstring(self._data, parser)  # noqa: S314
        except (Xml.ParseError, ValueError, LookupError) as error:
            raise ImageError(f"{self._name} is no block map: {error}", hint=_AGAIN) from error
        if root.tag != "bmap":
            self._refuse(f"it is a document of another kind, <{root.tag}>")
        return root

    def _verify(self) -> tuple[str, str]:
        """Check the map's own checksum; return the attribute and kind of those of ranges."""
        version = _VERSION.fullmatch(self._root.get("version", "").strip())
        major, minor = (int(part) for part in version.groups()) if version else (0, 0)
        if not (major, minor) >= (1, 2) or major > 2:
            self._refuse(f"its version is {self._root.get('version', 'missing')}, not 1.2 to 2.0")
        if (major, minor) == (1, 2):
            return "", ""
        if (major, minor) == (1, 3):
            self._verify_file("BmapFileSHA1", "sha1")
            return "sha1", "sha1"
        algorithm = self._text("ChecksumType").lower()
        if algorithm not in _ALGORITHMS:
            self._refuse(f"its checksums are {algorithm}, not {' or '.join(_ALGORITHMS)}")
        self._verify_file("BmapFileChecksum", algorithm)
        return "chksum", algorithm

    def _verify_file(self, tag: str, algorithm: str) -> None:
        stated = self._text(tag)
        self._check_hex(stated, algorithm)
        blank = self._data.replace(stated.encode(), b"0" * len(stated), 1)
        if hashlib.new(algorithm, blank).hexdigest() != stated.lower():
            self._refuse("it does not match its own checksum")

    def _ranges(self) -> Iterator[tuple[Xml.Element, int, int]]:
        block_map = self._root.find("BlockMap")
        for element in block_map.findall("Range") if block_map is not None else ():
            text = (element.text or "").strip()
            match = _BLOCKS.fullmatch(text)
            if not match:
                self._refuse(f"it has a range {text!r}")
            first = int(match[1])
            yield element, first, int(match[2] or first)

    def _check_hex(self, text: str, algorithm: str) -> None:
        digits = hashlib.new(algorithm).digest_size * 2
        if not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", text):
            self._refuse(f"it has a checksum {text[:80]!r}")

    def _number(self, tag: str) -> int:
        text = self._text(tag)
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            self._refuse(f"its {tag} is {text[:80]!r}")
        return int(text)

    def _text(self, tag: str) -> str:
        return (self._root.findtext(tag) or "").strip()

    def _refuse(self, reason: str) -> NoReturn:
        raise ImageError(f"{self._name} is no block map to go by: {reason}", hint=_AGAIN)


_PAGE = """\
<?xml version="1.0" ?>
<!-- The blocks of an image that mean something. Blocks that are not listed need not be written.
     BmapFileChecksum was computed while it was all zeros. -->
<bmap version="2.0">
    <ImageSize> {size_bytes} </ImageSize>
    <BlockSize> {block_bytes} </BlockSize>
    <BlocksCount> {blocks} </BlocksCount>
    <MappedBlocksCount> {mapped} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> {checksum} </BmapFileChecksum>
    <BlockMap>
{ranges}    </BlockMap>
</bmap>
"""


def _range_line(one: Range, checksum: str) -> str:
    first, last = one.start // BLOCK_BYTES, (one.end - 1) // BLOCK_BYTES
    blocks = f"{first}-{last}" if first != last else f"{first}"
    return f'        <Range chksum="{checksum}"> {blocks} </Range>\n'


def _hash(fd: int, one: Range) -> str:
    digest, position = hashlib.sha256(), one.start
    while position < one.end:
        piece = os.pread(fd, min(_READ_BYTES, one.end - position), position)
        if not piece:
            break
        digest.update(piece)
        position += len(piece)
    return digest.hexdigest()


def _blocks(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES)
