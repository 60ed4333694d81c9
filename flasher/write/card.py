# SPDX-License-Identifier: Apache-2.0
"""Writes one card from a stream and reads it back, by a few threads that take what is due.

Each worker takes the next job: write a chunk that arrived, or read back a range that was
written a while ago. The card's `Pace` says whether both may go on at once. A range that does
not read back is kept for `flasher.write.repair`, which has the image to itself.
"""

import mmap
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from threading import Condition, Event, Thread

from edge.errors import FlashError
from flasher.plan.content import Content
from flasher.ranges import Range, merge, split, total_bytes, within
from flasher.write.digest import digest
from flasher.write.fault import BadRangeError, explained
from flasher.write.intake import Chunk, Intake
from flasher.write.medium import Medium
from flasher.write.pace import BusyClock, Habit, Pace

_WRITERS = 2  # deeper queues gain a card nothing and have stalled others' readers
_DISTANCE = 4  # ranges between writing and reading back, so that a card's cache has moved on
_MOST_BAD = 32
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Written:
    """A range that is on the card, as far as it admits, and what it must read back as."""

    range: Range
    digest: bytes
    is_hope: bool = False
    """Nothing was written in this run: it may well differ, which is no fault of the card."""
    is_zeros: bool = False


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a run over one card has come to."""

    data_bytes: int = 0
    """How much the stream brings."""
    total_bytes: int = 0
    """How much must read back: data and zeros."""
    arrived_bytes: int = 0
    """How much of the data is behind us, written now or in the run before."""
    written_bytes: int = 0
    verified_bytes: int = 0
    bad: list[Range] = field(default_factory=list)
    rewritten: list[Range] = field(default_factory=list)
    probed_bytes: int | None = None
    habit: Habit = Habit.TRYING


class StoppedError(Exception):
    """The operator stopped the run."""


class CardRun:
    """The body of one card: everything but its head."""

    def __init__(
        self,
        medium: Medium,
        content: Content,
        tally: Tally,
        *,
        chunk_bytes: int,
        stopping: Event,
        progressed: Callable[[Tally], None] = lambda _tally: None,
        verified: Callable[[Range], None] = lambda _range: None,
        done_before: tuple[Range, ...] = (),
    ) -> None:
        self.medium, self.content = medium, content
        self.intake = Intake(self._wake)
        self._busy = BusyClock()
        self.pace = Pace(self._busy, habit=tally.habit)
        self.proofs: dict[Range, bytes] = {}
        """What was read back, and what it was."""
        self.has_late_writes = False
        """Something was written after reading back had begun to rely on the rest."""
        self.tally = tally
        zero_bytes = 0 if medium.is_blank else total_bytes(content.zeros)
        tally.data_bytes = total_bytes(content.data)
        tally.total_bytes = tally.data_bytes + zero_bytes
        self._chunk_bytes, self._stopping = chunk_bytes, stopping
        self._zeros = memoryview(mmap.mmap(-1, chunk_bytes))
        self._progressed, self._verified = progressed, verified
        self._done_before = merge(done_before)
        self._changed = Condition()
        self._failure: BaseException | None = None
        self._writing = self._reading = 0
        self._to_verify = deque(self._blank_ranges())

    @property
    def wanted(self) -> tuple[Range, ...]:
        """Return what of the image this card has."""
        return self.content.data

    @property
    def is_idle(self) -> bool:
        """Return whether it could write now but has nothing to."""
        return not self._writing and not len(self.intake)

    def run(self) -> None:
        """Write and read back all that the stream brings; return when nothing is left.

        Raises:
            FlashError: when the card failed. What merely read back wrong is in `tally.bad`.
            ImageError: when the stream failed.
            StoppedError: when the operator stopped the run.
        """
        workers = [
            Thread(target=self._work, name=f"card {self.medium.name}", daemon=True)
            for _ in range(_WRITERS)
        ]
        for worker in workers:
            worker.start()
        self._work()
        for worker in workers:
            worker.join()
        self.intake.close()
        self.tally.habit = self.pace.habit
        if self._failure:
            raise self._failure

    def fail(self, error: BaseException) -> None:
        """End the run with `error`, unless it has one already."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()
        self.intake.close()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _blank_ranges(self) -> Iterator[Written]:
        if self.medium.is_blank:
            return
        digests: dict[int, bytes] = {}
        for one in split(self.content.zeros, self._chunk_bytes):
            size = one.size_bytes
            if size not in digests:
                digests[size] = digest(self._zeros[:size])
            yield Written(one, digests[size], is_hope=True, is_zeros=True)

    def _work(self) -> None:
        buffer = memoryview(mmap.mmap(-1, self._chunk_bytes))
        try:
            while job := self._next_job():
                if isinstance(job, Chunk):
                    self._write(job, buffer)
                else:
                    self._verify(job, buffer)
        except BaseException as error:  # the thread's boundary: `run` raises it
            self.fail(error)

    def _next_job(self) -> Chunk | Written | None:
        """Wait for something that is due; None when all is done or nothing shall be any more."""
        with self._changed:
            while True:
                if self._stopping.is_set():
                    raise StoppedError
                if self._failure:
                    return None
                if self.intake.error:
                    raise self.intake.error
                if self._writing < _WRITERS and (chunk := self.intake.take()):
                    self._writing += 1
                    self._busy.begin()
                    return chunk
                if self._may_verify():
                    self._reading += 1
                    return self._to_verify.popleft()
                if self._is_done():
                    return None
                self._changed.wait(_LOOK_S)  # nobody wakes it for `stopping`

    def _is_writing_over(self) -> bool:
        return self.intake.has_ended and not len(self.intake) and not self._writing

    def _is_done(self) -> bool:
        return self._is_writing_over() and not self._to_verify and not self._reading

    def _may_verify(self) -> bool:
        if not self._to_verify:
            return False
        if self._is_writing_over():
            return True
        if self._reading or not self.pace.may_read:
            return False
        return self._to_verify[0].is_hope or len(self._to_verify) > _DISTANCE

    def _write(self, chunk: Chunk, buffer: memoryview) -> None:
        try:
            written = [self._write_piece(chunk, at, buffer) for at in self._pieces(chunk.range)]
        finally:
            chunk.release()
            self._ended(writing=1)
        with self._changed:
            self._to_verify.extend(one for one in written if one)
            self.tally.arrived_bytes += total_bytes(one.range for one in written if one)
            self.pace.wrote(total_bytes(one.range for one in written if one and not one.is_hope))
            self._changed.notify_all()
        self._progressed(self.tally)

    def _pieces(self, at: Range) -> tuple[Range, ...]:
        return within(at, self.content.data)

    def _write_piece(self, chunk: Chunk, at: Range, buffer: memoryview) -> Written | None:
        """Write the part of a chunk that is this card's, in its own version where it has one."""
        start = at.start - chunk.range.start
        view = chunk.view[start : start + at.size_bytes]
        is_own = at != chunk.range or self.content.touches(at)
        if is_own:
            buffer[: at.size_bytes] = view
            view = buffer[: at.size_bytes]
            self.content.patch(at, view)
        elif within(at, self._done_before) == (at,):
            return Written(at, chunk.digest, is_hope=True)
        if not self._put(at, view):
            return None
        return Written(at, digest(view) if is_own else chunk.digest)

    def _put(self, at: Range, view: memoryview) -> bool:
        """Write `view`; return whether the card took it."""
        try:
            with explained(self.medium, "writing", at.start):
                self.medium.write(at.start, view)
        except BadRangeError as bad:
            self._note_bad(at, bad.error)
            return False
        with self._changed:
            self.tally.written_bytes += at.size_bytes
        return True

    def _verify(self, job: Written, buffer: memoryview) -> None:
        try:
            if self._reads_back(job, buffer[: job.range.size_bytes]):
                self._note_good(job)
            elif job.is_zeros and job.is_hope:
                self._blank(job)
            else:
                self._note_bad(job.range, is_hope=job.is_hope)
        except BadRangeError as bad:
            self._note_bad(job.range, bad.error)
        finally:
            self._ended(reading=1)
        self._progressed(self.tally)

    def _reads_back(self, job: Written, view: memoryview) -> bool:
        with explained(self.medium, "reading back", job.range.start):
            self.medium.read(job.range.start, view)
        return digest(view) == job.digest

    def _blank(self, job: Written) -> None:
        """Write the zeros that were only hoped for, to be read back later."""
        if self._put(job.range, self._zeros[: job.range.size_bytes]):
            with self._changed:
                self.has_late_writes = True
                self._to_verify.append(replace(job, is_hope=False))

    def _note_good(self, job: Written) -> None:
        with self._changed:
            self.tally.verified_bytes += job.range.size_bytes
            self.proofs[job.range] = job.digest
        self._verified(job.range)

    def _note_bad(
        self, at: Range, error: FlashError | None = None, *, is_hope: bool = False
    ) -> None:
        with self._changed:
            self.tally.bad.append(at)
            if not is_hope:
                self.tally.rewritten.append(at)
            is_hopeless = len(self.tally.rewritten) >= _MOST_BAD
        if is_hopeless:
            self.fail(error or HopelessError())

    def _ended(self, *, writing: int = 0, reading: int = 0) -> None:
        with self._changed:
            self._writing -= writing
            if writing:
                self._busy.end()
            self._reading -= reading
            self._changed.notify_all()


class HopelessError(Exception):
    """So much read back wrong that writing on is a waste; `tally.bad` says where."""
