# SPDX-License-Identifier: Apache-2.0
"""Finds cards that claim more than they hold, in seconds and without a clock in the verdict.

A window of W bytes is written at the very end of the claimed size, every sector of it marked
with a random number and the offset it was meant for. Then one block is read at every multiple
of W below the window, and at last the window itself.

- A card that drops what is beyond its capacity has lost the end of the window.
- A card that wraps around at capacity C puts the window's offset o also at o - C. The window
  begins at s, so these are the W bytes from s - C on, or those of them from 0 on when C exceeds
  s. W bytes in a row, and also any that begin at 0, hold exactly one multiple of W or at least
  one; it is below s because C is at least W, and it is read. The nearest alias is C away, so C
  is known exactly.
- A card with C below W overwrites the window while it is written: its beginning has other
  offsets than those meant for it.

So every capacity that is a whole number of sectors is found. The reads in between also displace
what the card or its reader may have kept of the window in a cache. A slow card takes longer.
"""

import hashlib
import mmap
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import gcd

from edge.errors import FlashError
from edge.events import Listener, Progressed, ignore
from edge.units import KIB, MIB, format_size
from flasher.ranges import Range, intersect, split
from flasher.write.fault import UNUSABLE, failed
from flasher.write.medium import Medium, MediumGoneError

_SECTOR = 512
_BLOCK_BYTES = 4 * KIB
_PIECE_BYTES = MIB
_WINDOWS = 1024
_SMALLEST_WINDOW_BYTES, _LARGEST_WINDOW_BYTES = MIB, 64 * MIB
_NONCE_BYTES, _OFFSET_BYTES = 16, 8


def probe_capacity(
    medium: Medium, listener: Listener = ignore, *, kept: Sequence[Range] = ()
) -> int | None:
    """Prove that the card holds as much as it claims; return that size.

    The end of the card is overwritten and left so. When `kept`, which must survive, reaches
    into it, nothing is done and nothing returned.

    Raises:
        FlashError: when the card holds less, does not keep what is written, or fails.
    """
    window = _window(medium.size_bytes)
    if intersect(kept, [window]):
        return None
    if window.size_bytes:
        _Probe(medium, listener, window, may_bisect=not kept).run()
    return medium.size_bytes


def _window(size_bytes: int) -> Range:
    end = size_bytes // _BLOCK_BYTES * _BLOCK_BYTES
    wished = -(-size_bytes // _WINDOWS // MIB) * MIB
    wished = min(max(wished, _SMALLEST_WINDOW_BYTES), _LARGEST_WINDOW_BYTES)
    return Range(end - min(wished, end // 2 // _BLOCK_BYTES * _BLOCK_BYTES), end)


def _distance(aliases: list[tuple[int, int]]) -> int:
    """Return after how many bytes a card starts over, or beyond which all is the same to it."""
    distance = gcd(*(meant_for - seen for meant_for, seen in aliases))
    lowest = min(seen for _, seen in aliases)
    return distance if lowest < distance else lowest


class _Probe:
    """One probe of one card."""

    def __init__(
        self, medium: Medium, listener: Listener, window: Range, *, may_bisect: bool
    ) -> None:
        self._medium, self._listener, self._window = medium, listener, window
        self._may_bisect = may_bisect
        self._nonce = secrets.token_bytes(_NONCE_BYTES)
        self._buffer = memoryview(mmap.mmap(-1, _PIECE_BYTES))
        self._samples = range(0, window.start, window.size_bytes)
        self._done_bytes = 0

    def run(self) -> None:
        """Raise what was found."""
        self._write_window()
        aliases = [found for at in reversed(self._samples) if (found := self._alias(at))]
        if aliases:
            raise self._liar(f"only about {format_size(_distance(aliases))}", *aliases[0])
        if self._first_lost() is not None:
            self._write_window()  # a second try, as everywhere: even good cards slip once
            lost = self._first_lost()
            if lost is not None:
                raise self._judge(lost)

    def _write_window(self) -> None:
        for piece in split([self._window], _PIECE_BYTES):
            self._write(piece)
            self._progress(piece.size_bytes)
        self._flush()

    def _alias(self, offset: int) -> tuple[int, int] | None:
        """Look for the window at `offset`; return what a sector was meant for and is seen at."""
        view = self._read(Range(offset, offset + _BLOCK_BYTES))
        self._progress(len(view))
        for seen in range(offset, offset + _BLOCK_BYTES, _SECTOR):
            meant_for = self._meant_for(view[seen - offset : seen - offset + _SECTOR])
            if meant_for is not None:
                return meant_for, seen
        return None

    def _first_lost(self) -> int | None:
        """Read the window back; return the first byte of the first sector that differs."""
        lost = None
        for piece in split([self._window], _PIECE_BYTES):
            view = self._read(piece)
            self._progress(len(view))
            if lost is None and view != self._pattern(piece):
                lost = next(
                    at.start
                    for at in split([piece], _SECTOR)
                    if view[at.start - piece.start : at.end - piece.start] != self._pattern(at)
                )
        return lost

    def _judge(self, lost: int) -> FlashError:
        """Tell a card that ends early, and loses all from there on, from one that is damaged."""
        meant_for = self._meant_for(self._sector(lost))
        if meant_for is not None:
            return self._liar(f"less than {format_size(lost)}", meant_for, lost)
        last = Range(self._window.end - _SECTOR, self._window.end)
        if self._sector(last.start) == self._pattern(last):
            return FlashError(
                f"{self._medium.name} does not keep what is written to it: byte {lost}"
                f" ({format_size(lost)}) read back wrong; {UNUSABLE}",
                hint="replace this card",
            )
        held = self._bisect(lost) if self._may_bisect else lost
        return self._liar(f"only about {format_size(held)}", lost)

    def _bisect(self, lost: int) -> int:
        """Return how many bytes in front of `lost` are kept."""
        kept, lost = 0, lost // _BLOCK_BYTES
        while lost - kept > 1:
            middle = (kept + lost) // 2
            if self._is_kept(Range(middle * _BLOCK_BYTES, (middle + 1) * _BLOCK_BYTES)):
                kept = middle
            else:
                lost = middle
        return lost * _BLOCK_BYTES

    def _is_kept(self, block: Range) -> bool:
        try:
            self._write(block)
            self._flush()
            return self._read(block) == self._pattern(block)
        except FlashError as error:
            if isinstance(error.__cause__, MediumGoneError):
                raise
            return False

    def _liar(self, held: str, meant_for: int, seen: int | None = None) -> FlashError:
        proof = "is not there" if seen is None else f"came up at byte {seen}"
        return FlashError(
            f"{self._medium.name} claims {format_size(self._medium.size_bytes)} and holds {held}:"
            f" what was written to byte {meant_for} {proof}; {UNUSABLE}",
            hint="give this card back: it lies about its size and would lose your data",
        )

    def _sector(self, offset: int) -> memoryview:
        """Return the sector at `offset`, read with the block that it is in."""
        start = offset // _BLOCK_BYTES * _BLOCK_BYTES
        view = self._read(Range(start, start + _BLOCK_BYTES))
        return view[offset - start : offset - start + _SECTOR]

    def _meant_for(self, sector: memoryview) -> int | None:
        """Return the offset that a marked sector was written to, or nothing for any other."""
        if sector[:_NONCE_BYTES] != self._nonce:
            return None
        return int.from_bytes(sector[_NONCE_BYTES : _NONCE_BYTES + _OFFSET_BYTES], "little")

    def _pattern(self, at: Range) -> bytes:
        return b"".join(self._sectors(at))

    def _sectors(self, at: Range) -> Iterator[bytes]:
        for offset in range(at.start, at.end, _SECTOR):
            mark = self._nonce + offset.to_bytes(_OFFSET_BYTES, "little")
            filler = hashlib.blake2b(mark).digest()
            yield (mark + filler * (_SECTOR // len(filler)))[:_SECTOR]

    def _write(self, at: Range) -> None:
        view = self._buffer[: at.size_bytes]
        view[:] = self._pattern(at)
        with self._explained("probing", at.start):
            self._medium.write(at.start, view)

    def _read(self, at: Range) -> memoryview:
        view = self._buffer[: at.size_bytes]
        with self._explained("probing", at.start):
            self._medium.read(at.start, view)
        return view

    def _flush(self) -> None:
        with self._explained("flushing", self._window.start):
            self._medium.flush()

    @contextmanager
    def _explained(self, action: str, offset: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise failed(self._medium, action, offset, error) from error

    def _progress(self, done_bytes: int) -> None:
        total = 2 * self._window.size_bytes + len(self._samples) * _BLOCK_BYTES
        self._done_bytes = min(self._done_bytes + done_bytes, total)
        self._listener(Progressed(step="probe", done_bytes=self._done_bytes, total_bytes=total))
