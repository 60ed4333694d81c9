# SPDX-License-Identifier: Apache-2.0
"""Writes a card's content to a medium and proves by reading it back that it is there.

    head zeroed -> holes zeroed -> data written -> all read back -> head written -> read back

From the first step to the last but one the medium has no partition table, so whatever stops the
writer leaves a card that plainly does not boot. All is read back only after all is written: a
card with less memory than it claims destroys earlier bytes by later ones.
"""

import hashlib
import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from edge.errors import FlashError, ImageError
from edge.events import Listener, Noted, Progressed
from edge.units import MIB, format_size
from flasher.ranges import Range, split, total_bytes
from flasher.source import Image, ImageReader, open_image, read_stamp
from flasher.write.content import Content
from flasher.write.medium import Medium
from flasher.write.pipeline import CHUNK_BYTES, Chunk, read_ahead

_END_BYTES = MIB
_ZEROS = memoryview(mmap.mmap(-1, CHUNK_BYTES))  # aligned, as direct writes want it
_BLANK = bytes(CHUNK_BYTES)
UNUSABLE = "the medium is unbootable on purpose"


@dataclass(frozen=True, slots=True)
class BadRange:
    """A chunk that read back otherwise than it was written, and where it first differs."""

    range: Range
    offset: int


@dataclass(slots=True, kw_only=True)
class Writing:
    """What a write came to."""

    written_bytes: int = 0
    verified_bytes: int = 0
    rewritten: list[BadRange] = field(default_factory=list)


def write_content(medium: Medium, content: Content, listener: Listener) -> Writing:
    """Put `content` on `medium` and read it back.

    Raises:
        FlashError: when the medium fails, or does not keep what was written after a second try.
        ImageError: when the image can no longer be read. The medium is unbootable after either.
    """
    writer = _Writer(medium, content, listener)
    try:
        writer.write_body()
        writer.verify_body()
        _check_unchanged(content.image)
        writer.write_head()
    except BaseException:
        writer.invalidate_quietly()
        raise
    medium.reread_table()
    return writer.writing


def invalidate(medium: Medium) -> None:
    """Take away what would make the medium a bootable disk: its first and last MiB."""
    size = min(_END_BYTES, medium.size_bytes)
    medium.write(0, _ZEROS[:size])
    medium.write(medium.size_bytes - size, _ZEROS[:size])
    medium.flush()


class _Writer:
    """One run over one medium."""

    def __init__(self, medium: Medium, content: Content, listener: Listener) -> None:
        self.medium, self.content, self.listener = medium, content, listener
        self.writing = Writing()
        self._digests: dict[Range, bytes] = {}
        self._head_is_on = False

    def write_body(self) -> None:
        with _explained(self.medium, "clearing the start", 0):
            invalidate(self.medium)
        progress = _Progress(self.listener, "write", self._body_bytes())
        self._zero_holes(progress)
        self._write_data(split(self.content.data, CHUNK_BYTES), progress)
        with _explained(self.medium, "flushing", self.medium.size_bytes):
            self.medium.flush()

    def verify_body(self) -> None:
        """Read everything back; rewrite what is bad once, then read everything again."""
        bad = self._find_bad()
        if not bad:
            return
        for one in bad:
            self.listener(Noted(text=f"byte {one.offset} read back wrong; writing it again"))
        self.writing.rewritten += bad
        self._rewrite([one.range for one in bad])
        if still_bad := self._find_bad():
            raise _unreliable(self.medium, still_bad[0].offset)

    def write_head(self) -> None:
        """Make the medium a bootable disk, as the very last thing."""
        head = mmap.mmap(-1, len(self.content.head))
        head.write(self.content.head)
        view = memoryview(head)
        for is_last_try in (False, True):
            self._head_is_on = True
            with _explained(self.medium, "writing the partition table", 0):
                self.medium.write(0, view)
                self.medium.flush()
                found = _read(self.medium, Range(0, len(view)))
            if found == self.content.head:
                break
            offset = _first_difference(found, self.content.head)
            if is_last_try:
                raise _unreliable(self.medium, offset)
            self.writing.rewritten.append(BadRange(Range(0, len(view)), offset))
        self.writing.written_bytes += len(view)

    def invalidate_quietly(self) -> None:
        """Make sure that a failed card does not look like a good one."""
        if self._head_is_on:
            with suppress(OSError):
                invalidate(self.medium)

    def _body_bytes(self) -> int:
        return total_bytes(self.content.data) + total_bytes(self.content.zeros)

    def _zero_holes(self, progress: "_Progress") -> None:
        for one in split(self.content.zeros, CHUNK_BYTES):
            if not self.medium.is_blank:
                with _explained(self.medium, "clearing", one.start):
                    if _read(self.medium, one) != _BLANK[: one.size_bytes]:
                        self.medium.write(one.start, _ZEROS[: one.size_bytes])
                        self.writing.written_bytes += one.size_bytes
            progress.add(one.size_bytes)

    def _write_data(self, ranges: Iterable[Range], progress: "_Progress") -> None:
        with self._image_chunks(ranges) as chunks:
            for chunk in chunks:
                self._digests[chunk.range] = chunk.digest
                with _explained(self.medium, "writing", chunk.range.start):
                    self.medium.write(chunk.range.start, chunk.view)
                self.writing.written_bytes += chunk.range.size_bytes
                progress.add(chunk.range.size_bytes)

    @contextmanager
    def _image_chunks(self, ranges: Iterable[Range]) -> Iterator[Iterator[Chunk]]:
        with (
            open_image(self.content.image) as reader,
            read_ahead(ranges, lambda at, into: self._fill(reader, at, into)) as chunks,
        ):
            yield chunks

    def _fill(self, reader: ImageReader, at: Range, into: memoryview) -> bytes:
        self.content.fill(reader, at, into)
        return _digest(into)

    def _find_bad(self) -> list[BadRange]:
        head = Range(0, len(self.content.head))
        zeros = list(split((head, *self.content.zeros), CHUNK_BYTES))
        expected = {one: _digest(_ZEROS[: one.size_bytes]) for one in zeros} | self._digests
        progress = _Progress(self.listener, "verify", total_bytes(expected))
        bad = []
        with read_ahead(sorted(expected), self._fill_from_medium) as chunks:
            for chunk in chunks:
                if _digest(chunk.view) != expected[chunk.range]:
                    bad.append(chunk.range)
                progress.add(chunk.range.size_bytes)
        self.writing.verified_bytes = progress.done_bytes
        return self._locate(bad)

    def _fill_from_medium(self, at: Range, into: memoryview) -> bytes:
        with _explained(self.medium, "reading back", at.start):
            self.medium.read(at.start, into)
        return b""

    def _locate(self, bad: list[Range]) -> list[BadRange]:
        """Find the first wrong byte of each bad chunk by reading image and medium once more."""
        found = []
        data = [one for one in bad if one in self._digests]
        for one in (one for one in bad if one not in self._digests):
            found.append(self._compare(one, _ZEROS[: one.size_bytes]))
        with self._image_chunks(data) as chunks:
            found += [self._compare(chunk.range, chunk.view) for chunk in chunks]
        return sorted(found, key=lambda one: one.offset)

    def _compare(self, at: Range, wanted: memoryview) -> BadRange:
        with _explained(self.medium, "reading back", at.start):
            difference = _first_difference(_read(self.medium, at), wanted.tobytes())
        return BadRange(at, at.start + difference)

    def _rewrite(self, bad: list[Range]) -> None:
        progress = _Progress(self.listener, "rewrite", total_bytes(bad))
        for one in (one for one in bad if one not in self._digests):
            with _explained(self.medium, "clearing", one.start):
                self.medium.write(one.start, _ZEROS[: one.size_bytes])
        self._write_data([one for one in bad if one in self._digests], progress)
        with _explained(self.medium, "flushing", self.medium.size_bytes):
            self.medium.flush()


class _Progress:
    """Counts bytes of one step for the listener."""

    def __init__(self, listener: Listener, step: str, total: int) -> None:
        self.listener, self.step, self.total_bytes, self.done_bytes = listener, step, total, 0

    def add(self, size_bytes: int) -> None:
        self.done_bytes += size_bytes
        self.listener(
            Progressed(step=self.step, done_bytes=self.done_bytes, total_bytes=self.total_bytes)
        )


def _check_unchanged(image: Image) -> None:
    if read_stamp(image.path) != image.stamp:
        raise ImageError(f"{image.path} changed while it was written; {UNUSABLE}")


def _digest(view: memoryview) -> bytes:
    return hashlib.blake2b(view, digest_size=16).digest()


def _read(medium: Medium, at: Range) -> bytes:
    buffer = mmap.mmap(-1, at.size_bytes)
    medium.read(at.start, memoryview(buffer))
    return buffer[:]


def _first_difference(found: bytes, wanted: bytes) -> int:
    """Return the index of the first byte that differs, 0 when none does any more."""
    start, end = 0, len(wanted) if found != wanted else 1
    while end - start > 1:
        middle = (start + end) // 2
        if found[start:middle] != wanted[start:middle]:
            end = middle
        else:
            start = middle
    return start


def _unreliable(medium: Medium, offset: int) -> FlashError:
    return FlashError(
        f"{medium.name} does not keep what is written to it: byte {offset}"
        f" ({format_size(offset)}) read back wrong twice; {UNUSABLE}",
        hint="replace this card; cards that lie about their size fail like this",
    )


@contextmanager
def _explained(medium: Medium, action: str, offset: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FlashError(
            f"{action} {medium.name} at byte {offset} ({format_size(offset)}): {reason};"
            f" {UNUSABLE}",
            hint="check the card and its reader, then flash it again",
        ) from error
