# SPDX-License-Identifier: Apache-2.0
"""One pass over the image that feeds the cards which follow it.

The reader waits when every buffer is taken. If some card then has nothing left to write while
another sits on the buffers, the latter is let go: it will follow a stream of its own.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Thread
from time import monotonic
from typing import Protocol

from flasher.ranges import Range, merge, split, subtract
from flasher.source import Image, ImageReader, open_image
from flasher.write.checking import Checking, FileChecks
from flasher.write.intake import Chunk, Intake
from flasher.write.learn import DigestLearner
from flasher.write.ring import Buffer, Ring

_PATIENCE_S = 0.02
_FREE_S = 0.3
_SHARE = 0.02  # of the time so far: what a card may cost its peers before it is let go


class Follower(Protocol):
    """A card, as far as a stream knows it."""

    intake: Intake

    @property
    def wanted(self) -> tuple[Range, ...]:
        """Return what it wants of the image."""
        ...

    @property
    def is_idle(self) -> bool:
        """Return whether it has nothing to write now."""
        ...


LetGo = Callable[[Follower, int], None]
"""Takes a card that was too slow, and where its next byte is in the image."""


class Stream:
    """Reads `ranges` of an image in order, in a thread of its own."""

    def __init__(
        self,
        image: Image,
        ranges: Sequence[Range],
        *,
        ring: Ring,
        followers: Sequence[Follower],
        let_go: LetGo,
        stopping: Event,
        checks: FileChecks | None = None,
        learner: DigestLearner | None = None,
    ) -> None:
        self._image, self._ranges, self._ring = image, ranges, ring
        self._checks, self._learner = checks, learner
        self._followers = list(followers)
        self._let_go, self._stopping = let_go, stopping
        self._began, self._starved_s = monotonic(), 0.0

    def start(self) -> None:
        """Begin to read."""
        Thread(target=self._run, name="image stream", daemon=True).start()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._read_all()
        except BaseException as caught:  # the thread's boundary: every card raises it again
            error = caught
        for follower in self._followers:
            follower.intake.end(error)

    def _read_all(self) -> None:
        checking = Checking(self._image, self._ring)
        try:
            with open_image(self._image) as reader:
                self._read(reader, checking)
            checking.finish()
        finally:
            checking.stop()

    def _read(self, reader: ImageReader, checking: Checking) -> None:
        learner = self._learner if self._learner and self._learner.listens else None
        whole = learner.hashing(reader) if learner else None
        for at, is_wanted in self._steps(checking.is_needed):
            buffer = self._wait_for_buffer(at.start)
            if buffer is None:
                return
            followers = self._followers if is_wanted else ()
            self._publish(at, buffer, whole or reader, followers, checking)
            self._look_at_checks(at.end)
        self._look_at_checks(self._image.size_bytes)
        if learner and whole:
            learner.learnt(whole.finish())

    def _look_at_checks(self, position: int) -> None:
        if self._checks:
            self._checks.reached(position)
            self._checks.raise_error()

    def _steps(self, is_checking: bool) -> Iterator[tuple[Range, bool]]:
        """Yield what to read in order, and whether cards want it or only the block map does.

        Without the latter a range of which a card leaves out one block would go unchecked.
        """
        if not self._ranges:
            return
        start, size_bytes = self._ranges[0].start, self._ring.buffer_bytes
        checks = self._image.checks if is_checking else ()
        checked = merge(one.range for one in checks if one.range.end > start)
        known = Range(0, len(self._image.head))
        unwanted = subtract(checked, [known, *self._ranges])
        yield from heapq.merge(
            ((at, True) for at in split(self._ranges, size_bytes)),
            ((at, False) for at in split(unwanted, size_bytes)),
        )

    def _publish(
        self,
        at: Range,
        buffer: Buffer,
        reader: ImageReader,
        followers: Sequence[Follower],
        checking: Checking,
    ) -> None:
        view = buffer.memory[: at.size_bytes]
        try:
            inside = fill(self._image, reader, at, view)
            checking.feed(Range(at.start, at.start + inside), buffer)
            chunk = Chunk(at, buffer, self._ring)
            for follower in followers:
                follower.intake.offer(chunk)
        finally:
            self._ring.release(buffer)

    def _wait_for_buffer(self, position: int) -> Buffer | None:
        """Return a free buffer; None when nobody follows any more."""
        while not self._stopping.is_set():
            self._followers = [one for one in self._followers if not one.intake.is_closed]
            if not self._followers:
                return None
            asked = monotonic()
            if buffer := self._ring.acquire(_PATIENCE_S):
                return buffer
            if any(one.is_idle for one in self._followers):
                self._starved_s += monotonic() - asked
                self._shed(position)
        return None

    def _shed(self, position: int) -> None:
        """Let the slowest card go once it has cost the others too much."""
        if self._starved_s < _FREE_S + _SHARE * (monotonic() - self._began):
            return
        slow = max(self._followers, key=lambda one: len(one.intake))
        if slow.is_idle or len(self._followers) == 1:
            return
        self._followers.remove(slow)
        start = slow.intake.drain()
        self._let_go(slow, position if start is None else start)


def fill(image: Image, reader: ImageReader, at: Range, into: memoryview) -> int:
    """Fill `into` with the image's bytes at `at`, zeros behind its end; return how many are its."""
    inside = max(0, min(at.end, image.size_bytes) - at.start)
    if inside:
        reader.read_at(at.start, into[:inside])
    if inside < len(into):
        into[inside:] = bytes(len(into) - inside)
    return inside
