# SPDX-License-Identifier: Apache-2.0
"""One card of a run, from opening it to the last line of its record."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic

from edge.errors import EdgeError, FlashError
from edge.events import Listener
from edge.units import format_size
from flasher.card import RenderedCard
from flasher.device import DeviceKind, Host
from flasher.device.eject import eject
from flasher.plan.content import Content
from flasher.plan.request import FlashPlan
from flasher.ranges import total_bytes
from flasher.record import CardRecords
from flasher.write.attempt import Clock, Entry, new_attempt, recording_failure
from flasher.write.engine import CardThread
from flasher.write.event import CardFailed, CardFinished, CardNoted
from flasher.write.feed import Feed
from flasher.write.head import Marker, invalidate_quietly, read_marker
from flasher.write.job import Job, write_card
from flasher.write.journal import (
    Interrupted,
    Journal,
    find_interrupted,
    is_same_image,
    new_header,
)
from flasher.write.medium import Medium, open_medium
from flasher.write.watch import WatchedMedium


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashReport:
    """A card that was written and read back."""

    target: Path
    record_id: int
    image_sha256: str
    written_bytes: int
    verified_bytes: int
    rewritten_ranges: int
    """How many chunks had to be written a second time; more than none is a bad sign."""
    seconds: float
    fingerprint: str | None
    """Of the node's key, base64; None when the image has no META."""
    enrolment_id: str | None
    """None as well when the card was flashed without an enrolment."""
    is_left: bool = False
    """It was finished by an earlier run, and nothing was done to it."""
    card_name: str = ""
    habit: str = ""
    """How it was read back: trailing the writing, or afterwards."""

    @property
    def bytes_per_second(self) -> float:
        """Return how fast the card took it, reading back included."""
        return self.written_bytes / self.seconds if self.seconds else 0.0


@dataclass(slots=True, kw_only=True)
class Task:
    """One card of a run: what was rendered for it, and how far it came."""

    plan: FlashPlan
    card: RenderedCard
    content: Content
    entry: Entry | None = None
    """In the records, once the attempt has begun."""
    is_touched: bool = False


@dataclass(slots=True, kw_only=True)
class Run:
    """What all cards of a run share."""

    feed: Feed
    records: CardRecords
    listener: Listener
    clock: Clock
    host: Host
    stopping: Event = field(default_factory=Event)


def new_thread(task: Task, run: Run) -> CardThread:
    """Return the thread that will carry out `task`; its result is a report or an error."""

    def work(thread: CardThread) -> FlashReport:
        try:
            return _flash(task, run, thread)
        except BaseException as error:
            if thread.is_pending:
                _say_failed(thread.name, run, error)
            raise

    def give_up(error: FlashError) -> None:
        if task.entry:
            task.entry.fail(error)
        _say_failed(name, run, error)

    name = str(task.plan.device.path)
    return CardThread(name, work, give_up)


def _say_failed(name: str, run: Run, error: BaseException) -> None:
    run.feed.withdraw()
    if isinstance(error, EdgeError):
        run.listener(CardFailed(card=name, error=error.message, hint=error.hint or ""))


def _flash(task: Task, run: Run, thread: CardThread) -> FlashReport:
    plan = task.plan
    if plan.request.options.resume and _is_finished(task):
        run.feed.withdraw()
        _note(thread.name, run, "finished before; left as it is")
        return _left(task)
    interrupted = _find_interrupted(task, run) if plan.request.options.resume else None
    with open_medium(plan.device, plan.size_bytes) as opened, _removing_failed_file(plan):
        thread.medium = medium = WatchedMedium(opened)
        resumes = interrupted.header.attempt if interrupted else None
        number = run.records.begin(new_attempt(plan, task.card, run.clock(), resumes=resumes))
        told = partial(_note, thread.name, run)
        task.entry = entry = Entry(run.records, number, clock=run.clock, told=told)
        began = monotonic()
        with recording_failure(entry), _unbootable_if_given_up(opened, medium, task.content):
            _write(task, run, medium, interrupted, entry)
        seconds = monotonic() - began
        sha256 = run.feed.learner.wait(seconds)
        entry.succeed(medium, seconds=seconds, sha256=sha256)
    _let_go(task, run)
    written = entry.tally.written_bytes
    run.listener(CardFinished(card=thread.name, seconds=seconds, written_bytes=written))
    return _report(task, entry, seconds=seconds, sha256=sha256)


def _note(name: str, run: Run, text: str) -> None:
    run.listener(CardNoted(card=name, text=text))


def _is_finished(task: Task) -> bool:
    """Tell whether the card has the image's head, which is written when all else is proven."""
    try:
        with task.plan.device.path.open("rb") as card:
            return card.read(len(task.content.head)) == task.content.head
    except OSError:
        return False


def _let_go(task: Task, run: Run) -> None:
    """Have the card given out; failing at it is no fault of the card."""
    device = task.plan.device
    if task.plan.request.options.eject and device.kind is DeviceKind.DISK:
        _note(str(device.path), run, eject(device, run.host).text)


def _find_interrupted(task: Task, run: Run) -> Interrupted | None:
    """Return what an earlier run of this image left on the card, and say what is done with it."""
    plan, folder = task.plan, _journals(run.records)
    marker = read_marker(plan.device.path)
    name = marker.run if marker else None
    found = find_interrupted(folder, plan.device, plan.size_bytes, name)
    text = "no interrupted run found: written from the start"
    if found and not is_same_image(found.header, plan.request.image):
        found, text = None, "the image changed since: written from the start"
    elif found:
        done = total_bytes(found.done)
        text = f"continued: {format_size(done)} were there already, and are read back again"
    _note(str(plan.device.path), run, text)
    return found


def _journals(records: CardRecords) -> Path:
    return records.path.parent / "journal"


def _write(
    task: Task, run: Run, medium: WatchedMedium, interrupted: Interrupted | None, entry: Entry
) -> None:
    plan = task.plan
    header = new_header(
        plan.device, plan.size_bytes, plan.request.image, started=run.clock(), attempt=entry.number
    )
    journal = Journal(_journals(run.records), header)
    if interrupted:
        journal.take_over(interrupted)
    if journal.fault:
        _note(medium.name, run, journal.fault)
    task.is_touched = True
    is_proven = interrupted is not None and interrupted.is_probed
    job = Job(
        medium=medium,
        content=task.content,
        tally=entry.tally,
        feed=run.feed,
        listener=run.listener,
        stopping=run.stopping,
        marker=Marker(run=header.run, image=plan.request.image.path.name),
        is_probed=_is_probed(plan) and not is_proven,
        is_proven=is_proven or plan.device.kind is DeviceKind.FILE,
        done_before=interrupted.done if interrupted else (),
        verified=journal.verified,
        proven=journal.probed,
    )
    try:
        write_card(job)
    finally:
        journal.save()
    journal.remove()


def _is_probed(plan: FlashPlan) -> bool:
    return plan.request.options.probe and plan.device.kind is not DeviceKind.FILE


@contextmanager
def _unbootable_if_given_up(
    medium: Medium, watched: WatchedMedium, content: Content
) -> Iterator[None]:
    """See that a card comes back from a stall, even one of its last write, as it was said to be."""
    try:
        yield
    except BaseException:
        if watched.is_given_up:
            invalidate_quietly(medium, content)
        raise


@contextmanager
def _removing_failed_file(plan: FlashPlan) -> Iterator[None]:
    """Leave no half-written file where there was none."""
    try:
        yield
    except BaseException:
        if plan.device.kind is DeviceKind.FILE and plan.device.is_new:
            plan.device.path.unlink(missing_ok=True)
        raise


def _left(task: Task) -> FlashReport:
    """Return the report on a card that was finished before; what it carries was rendered then."""
    return FlashReport(
        target=task.plan.device.path,
        record_id=0,
        image_sha256=task.plan.request.image.sha256,
        written_bytes=0,
        verified_bytes=0,
        rewritten_ranges=0,
        seconds=0.0,
        fingerprint=None,
        enrolment_id=None,
        is_left=True,
        card_name=task.card.spec.name,
    )


def _report(task: Task, entry: Entry, *, seconds: float, sha256: str) -> FlashReport:
    personality, tally = task.card.personality, entry.tally
    enrolment = personality.enrolment if personality else None
    return FlashReport(
        target=task.plan.device.path,
        record_id=entry.number,
        image_sha256=sha256,
        written_bytes=tally.written_bytes,
        verified_bytes=tally.verified_bytes,
        rewritten_ranges=len(tally.rewritten),
        seconds=seconds,
        fingerprint=personality.fingerprint if personality else None,
        enrolment_id=enrolment.id if enrolment else None,
        card_name=task.card.spec.name,
        habit=str(tally.habit),
    )
