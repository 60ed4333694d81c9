# SPDX-License-Identifier: Apache-2.0
"""Decodes gz, xz, zst and bz2, as many streams in a row as a file holds, without slack.

The decoders release the GIL. Whatever comes short of a whole stream raises `EOFError`; what
follows the last stream and is neither another one nor allowed padding is damage.
"""

import bz2
import lzma
import sys
from collections.abc import Callable
from typing import Literal, Protocol

from edge.units import KIB, MIB
from flasher.source.fault import TrailingDataError
from flasher.source.format import Kind
from flasher.source.forward import Forward, Source

CHUNK_BYTES = 256 * KIB
_MEMORY_BYTES = 192 * MIB  # xz -9 needs 65 MiB
_XZ_ALIGNMENT = 4
_GZ_MAGIC = 0x1F


class Decompressor(Protocol):
    """What the decoders of the libraries have in common."""

    @property
    def eof(self) -> bool: ...  # noqa: D102
    @property
    def needs_input(self) -> bool: ...  # noqa: D102
    @property
    def unused_data(self) -> bytes: ...  # noqa: D102
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...  # noqa: D102


class Decoder(Forward):
    """The decoded bytes of a compressed source, from its start to its end."""

    def __init__(self, source: Source, kind: Kind | Literal["deflate"]) -> None:
        super().__init__(source)
        self._kind = kind
        self._new = _DECOMPRESSORS[kind]
        self._one: Decompressor | None = self._new()
        self._rest = b""

    def _fill(self, into: memoryview) -> int:
        done = 0
        while done < len(into) and self._one is not None:
            piece = self._decode(self._one, len(into) - done)
            into[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def _decode(self, one: Decompressor, limit: int) -> bytes:
        if one.eof:
            self._one = self._next(one)
            return b""
        data = self._take() if one.needs_input else b""
        if one.needs_input and not data:
            raise EOFError("the compressed data ends early")
        return one.decompress(data, limit)

    def _next(self, ended: Decompressor) -> Decompressor | None:
        """Return a decoder for the next stream, if there is another behind the one that ended."""
        if self._kind == "deflate":
            return None
        self._rest = ended.unused_data
        padding = self._skip_padding() if self._kind in {Kind.XZ, Kind.GZ} else 0
        if self._kind is Kind.XZ and padding % _XZ_ALIGNMENT:
            raise lzma.LZMAError("the padding behind a stream is cut short")
        self._rest = self._rest or self._take()
        if self._kind is Kind.GZ and self._rest and self._rest[0] != _GZ_MAGIC:
            raise TrailingDataError
        return self._new() if self._rest else None

    def _skip_padding(self) -> int:
        """Go past zeros behind a stream; return how many there were."""
        skipped = 0
        while data := self._take():
            self._rest = data.lstrip(b"\0")
            skipped += len(data) - len(self._rest)
            if self._rest:
                break
        return skipped

    def _take(self) -> bytes:
        data, self._rest = self._rest, b""
        return data or self._source.read(CHUNK_BYTES) or b""


def _gz() -> Decompressor:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _deflate() -> Decompressor:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)


def _zst() -> Decompressor:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdDecompressor()


def _xz() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_BYTES)


_DECOMPRESSORS: dict[str, Callable[[], Decompressor]] = {
    Kind.GZ: _gz,
    Kind.XZ: _xz,
    Kind.ZST: _zst,
    Kind.BZ2: bz2.BZ2Decompressor,
    "deflate": _deflate,
}
