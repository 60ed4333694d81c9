# SPDX-License-Identifier: Apache-2.0
"""Streams that only go forwards, put one into another to reach the image in a file."""

import io
import zlib
from pathlib import Path

from edge.units import MIB
from flasher.source.child import open_child
from flasher.source.decode import Decoder
from flasher.source.format import COMPRESSIONS, Kind
from flasher.source.forward import Forward
from flasher.source.image import Layer, Member

_SCRATCH_BYTES = MIB


def open_layers(path: Path, layers: tuple[Layer, ...], *, blocks: int = 1) -> io.RawIOBase:
    """Open the image in the file `path`; `blocks` is how many of them an .xz file has."""
    if layers and (child := open_child(path, layers[0].kind, blocks=blocks)):
        return _wrap(child, layers[1:])
    return _wrap(path.open("rb", buffering=0), layers)


def open_member(archive: io.RawIOBase, member: Member) -> io.RawIOBase:
    """Return the content of `member` of an archive that was read no further than to it."""
    archive_left = Slice(archive, member.start, member.packed_bytes)
    if member.pieces is not None:
        return Sparse(archive_left, member)
    if member.is_deflated:
        return Checked(Decoder(archive_left, "deflate"), member)
    return Checked(archive_left, member)


def fill(stream: io.RawIOBase, into: memoryview) -> int:
    """Read until `into` is full or the stream ends; return how much there was."""
    done = 0
    while done < len(into):
        count = stream.readinto(into[done:])
        if not count:
            break
        done += count
    return done


def skip(stream: io.RawIOBase, count: int) -> int:
    """Go `count` bytes on; return how many there were."""
    scratch = memoryview(bytearray(min(count, _SCRATCH_BYTES)))
    done = 0
    while done < count:
        got = fill(stream, scratch[: min(len(scratch), count - done)])
        if not got:
            break
        done += got
    return done


class Peeked(Forward):
    """A stream of which the first bytes can be looked at before they are read."""

    def __init__(self, source: io.RawIOBase, count: int) -> None:
        super().__init__(source)
        self._stream = source
        view = memoryview(bytearray(count))
        self.head = bytes(view[: fill(source, view)])
        self._at = 0

    def _fill(self, into: memoryview) -> int:
        piece = self.head[self._at : self._at + len(into)]
        into[: len(piece)] = piece
        self._at += len(piece)
        return len(piece) + fill(self._stream, into[len(piece) :])


class Slice(Forward):
    """`size_bytes` of a stream from `start` on, all of which must be there."""

    def __init__(self, source: io.RawIOBase, start: int, size_bytes: int) -> None:
        super().__init__(source)
        self._stream, self._left = source, size_bytes
        if source.seekable():
            source.seek(start)
        elif skip(source, start) != start:
            raise EOFError("the archive ends early")

    def _fill(self, into: memoryview) -> int:
        wanted = min(len(into), self._left)
        if fill(self._stream, into[:wanted]) != wanted:
            raise EOFError("the archive ends early")
        self._left -= wanted
        return wanted


class Checked(Forward):
    """The bytes of an archive's member, of which size and checksum are checked at the end."""

    def __init__(self, source: io.RawIOBase, member: Member) -> None:
        super().__init__(source)
        self._stream, self._member = source, member
        self._at = self._crc32 = 0

    def _fill(self, into: memoryview) -> int:
        count = fill(self._stream, into)
        self._at += count
        if self._member.crc32 is not None:
            self._crc32 = zlib.crc32(into[:count], self._crc32)
        if count < len(into) or self._at > self._member.size_bytes:
            self._check()
        return count

    def _check(self) -> None:
        if self._at != self._member.size_bytes:
            raise OSError(f"{self._member.name} in it is not as long as it says")
        if self._member.crc32 not in {None, self._crc32}:
            raise OSError(f"{self._member.name} in it does not match its checksum")


class Sparse(Forward):
    """A member of a tar archive of which only some pieces are stored."""

    def __init__(self, source: io.RawIOBase, member: Member) -> None:
        super().__init__(source)
        self._stream = source
        self._pieces = [one for one in member.pieces or () if one.size_bytes]
        self._at, self._size_bytes = 0, member.size_bytes

    def _fill(self, into: memoryview) -> int:
        done, wanted = 0, min(len(into), self._size_bytes - self._at)
        while done < wanted:
            done += self._read_some(into[done:wanted])
        return done

    def _read_some(self, into: memoryview) -> int:
        while self._pieces and self._pieces[0].end <= self._at:
            self._pieces.pop(0)
        next_start = self._pieces[0].start if self._pieces else self._size_bytes
        if self._at < next_start:
            count = min(len(into), next_start - self._at)
            into[:count] = bytes(count)
        else:
            count = min(len(into), self._pieces[0].end - self._at)
            if fill(self._stream, into[:count]) != count:
                raise EOFError("the archive ends early")
        self._at += count
        return count


def _wrap(stream: io.RawIOBase, layers: tuple[Layer, ...]) -> io.RawIOBase:
    for layer in layers:
        if layer.kind in COMPRESSIONS:
            stream = Decoder(stream, layer.kind)
        elif layer.member is not None and layer.kind in {Kind.ZIP, Kind.TAR}:
            stream = open_member(stream, layer.member)
    return stream
