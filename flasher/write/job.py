# SPDX-License-Identifier: Apache-2.0
"""One card from its cleared head to its bootable one: clear, probe, write, verify, head.

    clear head -> probe -> write and read back -> write again what was bad -> head -> read back

Whatever stops it in between leaves a card that plainly does not boot.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from time import monotonic

from edge.errors import BugError, ImageError
from edge.events import Listener, Progressed
from flasher.plan.content import Content
from flasher.ranges import Range, subtract
from flasher.source import Image, read_stamp
from flasher.write.card import CardRun, HopelessError, StoppedError, Tally
from flasher.write.event import CardNoted, CardProgressed, Phase
from flasher.write.fault import UNUSABLE, unreliable
from flasher.write.feed import Feed
from flasher.write.head import (
    Marker,
    check_clear,
    clear_head,
    invalidate_quietly,
    write_head,
)
from flasher.write.medium import Medium
from flasher.write.pace import Habit
from flasher.write.probe import probe_capacity
from flasher.write.repair import Note, flush, locate, prove_again, repair, rewrite

_EVENT_S = 0.1


@dataclass(slots=True, kw_only=True)
class Job:
    """What one card is written from and with."""

    medium: Medium
    content: Content
    feed: Feed
    listener: Listener
    stopping: Event
    tally: Tally = field(default_factory=Tally)
    """Filled while the card is written; what it says holds whenever the job ends."""
    marker: Marker | None = None
    is_probed: bool = True
    """Prove the card's capacity first; else all is read back only after all is written."""
    is_proven: bool = False
    """It needs no probe to be as large as it says."""
    done_before: tuple[Range, ...] = ()
    verified: Callable[[Range], None] = lambda _range: None
    proven: Callable[[], None] = lambda: None
    """Called once the card was found to hold what it says."""


def write_card(job: Job) -> None:
    """Write and verify the card of `job`.

    Raises:
        FlashError: when the medium fails, or does not keep what was written after a second try.
        ImageError: when the image can no longer be read. The medium is unbootable after either.
        StoppedError: when the operator stopped the run.
    """
    clear_head(job.medium, job.content, job.marker)
    job.tally.probed_bytes = _probe(job) if job.is_probed else None
    if job.tally.probed_bytes is None:
        # Later writes to a card that lies about its size destroy what was already read back.
        job.tally.habit = Habit.AFTERWARDS
    with _telling_of_the_card():
        _write_body(job)
        _check_complete(job)
        job.feed.wait_for_checks()
        _check_unchanged(job.content.image)
    _write_head(job)
    job.medium.reread_table()


@contextmanager
def _telling_of_the_card() -> Iterator[None]:
    """Say of a fault in the image what it means for the card."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{error.message}; {UNUSABLE}", hint=error.hint) from error


def _write_head(job: Job) -> None:
    try:
        check_clear(job.medium, job.content, job.marker)
        if write_head(job.medium, job.content):
            job.tally.rewritten.append(Range(0, len(job.content.head)))
    except BaseException:
        invalidate_quietly(job.medium, job.content)
        raise
    job.tally.written_bytes += len(job.content.head)
    job.tally.verified_bytes += len(job.content.head)


def _probe(job: Job) -> int | None:
    """Return how much the card holds; the interim table's backup, which lies there, is put back."""
    found = probe_capacity(job.medium, _probing(job), kept=job.content.saved)
    if found is not None:
        job.proven()
    if job.content.interim_tail:
        clear_head(job.medium, job.content, job.marker)
    return found


def _write_body(job: Job) -> None:
    run = CardRun(
        job.medium,
        job.content,
        job.tally,
        chunk_bytes=job.feed.chunk_bytes,
        stopping=job.stopping,
        progressed=_Progress(job),
        verified=job.verified,
        done_before=job.done_before,
    )
    job.feed.join(run)
    try:
        run.run()
    except HopelessError as error:
        first = min(job.tally.rewritten, key=lambda one: one.start)
        raise unreliable(job.medium, locate(job.medium, job.content, first)) from error
    proofs = run.proofs
    if job.tally.bad:
        proofs |= _repair(job, job.tally)
    is_unproven = job.tally.probed_bytes is None and not job.is_proven
    if is_unproven and (job.tally.bad or run.has_late_writes):
        prove_again(job.medium, job.content, proofs, _going_on(job))
    flush(job.medium)


def _repair(job: Job, tally: Tally) -> dict[Range, bytes]:
    """Write bad ranges again; what was only hoped to be there is written for the first time."""

    go_on = _going_on(job)  # a hope that was in vain is no fault of the card

    def note(text: str) -> None:
        go_on(text)
        job.listener(CardNoted(card=job.medium.name, text=text))

    hopes = subtract(tally.bad, tally.rewritten)
    digests, still_bad = rewrite(job.medium, job.content, hopes, go_on)
    tally.rewritten += still_bad
    if tally.rewritten:
        digests |= repair(job.medium, job.content, tally.rewritten, note)
    for one in tally.bad:
        tally.verified_bytes += one.size_bytes
        job.verified(one)
    return digests


def _going_on(job: Job) -> Note:
    """Return what says nothing, and ends the job once the operator wants that."""

    def go_on(_text: str) -> None:
        if job.stopping.is_set():
            raise StoppedError

    return go_on


def _check_complete(job: Job) -> None:
    """See that nothing was left out, by whatever mistake, before the card may boot."""
    if job.stopping.is_set():
        raise StoppedError
    tally = job.tally
    if tally.verified_bytes != tally.total_bytes:
        raise BugError(
            f"{job.medium.name}: {tally.verified_bytes} of {tally.total_bytes} bytes"
            f" were read back; {UNUSABLE}"
        )


def _check_unchanged(image: Image) -> None:
    if read_stamp(image.path) != image.stamp:
        raise ImageError(f"{image.path} changed while it was written")


class _Progress:
    """Tells, not too often, how far writing has come, and then how far reading back has."""

    def __init__(self, job: Job) -> None:
        self._job, self._told = job, 0.0
        self._phase, self._began, self._before = Phase.WRITE, monotonic(), 0

    def __call__(self, tally: Tally) -> None:
        now = monotonic()
        is_last = tally.verified_bytes >= tally.total_bytes
        if now - self._told < _EVENT_S and not is_last:
            return
        self._told = now
        if tally.arrived_bytes >= tally.data_bytes and self._phase is Phase.WRITE:
            self._phase, self._began, self._before = Phase.VERIFY, now, tally.verified_bytes
        is_writing = self._phase is Phase.WRITE
        done = tally.arrived_bytes if is_writing else tally.verified_bytes
        self._job.listener(
            CardProgressed(
                card=self._job.medium.name,
                phase=self._phase,
                done_bytes=done,
                total_bytes=tally.data_bytes if is_writing else tally.total_bytes,
                bytes_per_second=(done - self._before) / max(now - self._began, 1e-6),
            )
        )


def _probing(job: Job) -> Listener:
    told = 0.0

    def show(event: object) -> None:
        nonlocal told
        if job.stopping.is_set():
            raise StoppedError
        if not isinstance(event, Progressed) or monotonic() - told < _EVENT_S:
            return
        told = monotonic()
        job.listener(
            CardProgressed(
                card=job.medium.name,
                phase=Phase.PROBE,
                done_bytes=event.done_bytes,
                total_bytes=event.total_bytes,
                bytes_per_second=0.0,
            )
        )

    return show
