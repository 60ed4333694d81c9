# SPDX-License-Identifier: Apache-2.0
"""Decides what happens in every slot; one thread calls it, others only tell it things.

    empty → settling → checking → (probing) → writing → verifying → done ──┐
      ↑        ↓ ↑         ↓          ↓           ↓          ↓             │
      │      waiting   left alone     └───────→ failed ←─────┘             │
      └──────────────────────────── card pulled ───────────────────────────┘

It never waits, reads a clock or touches a disk: sightings, messages and the time come in, jobs
and events go out. A job belongs to a slot until its thread has ended, also when the card is long
gone; until then nothing else is begun in that slot.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event as Flag
from typing import Protocol

from edge.errors import EdgeError
from edge.events import Listener
from edge.units import format_size
from flasher.station.event import (
    CardMade,
    Phase,
    SlotMoved,
    SlotNoted,
    SlotProgressed,
    StationNoted,
)
from flasher.station.item import Item
from flasher.station.ledger import Ledger, Taking
from flasher.station.mark import Mark
from flasher.station.port import Sighting

MOST_JOBS = 16
SETTLE_S = 1.0
"""How long a card must have been in unchanged: contacts bounce, and readers look twice."""
_COMPLETE = "nothing was written to it: everything is made"
_STOPPING = "nothing was written to it: the station stops"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Work of one thread on one card."""

    card: Sighting
    stop: Flag = field(default_factory=Flag)
    """Set when the operator no longer wants the work done."""
    leaving: Flag = field(default_factory=Flag)
    """Set before the finished card is ejected: from then on its reader looks empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of a card that is verified."""

    record: int
    mark: Mark
    enrolment: str = ""
    fingerprint: str = ""
    image_sha256: str = ""
    text: str = ""
    """How much and how fast."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A card may be written, as far as can be seen; `mark` is what is on it."""

    job: Job
    mark: Mark


@dataclass(frozen=True, slots=True)
class Finished:
    """A card is verified."""

    job: Job
    made: Made


@dataclass(frozen=True, slots=True)
class Failed:
    """A check or a write came to nothing."""

    job: Job
    error: EdgeError


@dataclass(frozen=True, slots=True)
class Advanced:
    """A write goes on."""

    job: Job
    phase: Phase
    done_bytes: int
    total_bytes: int
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Remarked:
    """There is something to say about a card."""

    job: Job
    text: str


Message = Checked | Finished | Failed | Advanced | Remarked


class Crew(Protocol):
    """Does the work, elsewhere; every call is answered by messages, the last of which ends it."""

    def check(self, job: Job) -> None:
        """Begin to look at a card. Ends with `Checked` or `Failed`."""
        ...

    def flash(self, job: Job, item: Item) -> None:
        """Begin to make a card. Ends with `Finished` or `Failed`."""
        ...


@dataclass(slots=True)
class Slot:
    """A port and what goes on in it."""

    port: str
    phase: Phase = Phase.EMPTY
    card: Sighting | None = None
    """What is in it now; the job may be of one that is gone."""
    since: float = 0.0
    """When that was put in."""
    job: Job | None = None
    taking: Taking | None = None
    text: str = ""
    item: Item | None = None
    is_ejected: bool = False
    """The card is still there for people, though not for the kernel."""


class Station:
    """All slots of a station, and the book of what it makes."""

    def __init__(
        self,
        ledger: Ledger,
        crew: Crew,
        listener: Listener,
        *,
        now: Callable[[], datetime],
        settle_s: float = SETTLE_S,
        most_jobs: int = MOST_JOBS,
        already_in: bool = False,
        again: bool = False,
    ) -> None:
        self.slots: dict[str, Slot] = {}
        self.is_stopping = False
        self._ledger, self._crew, self._listener = ledger, crew, listener
        self._now, self._settle_s, self._most_jobs = now, settle_s, most_jobs
        self._takes_present, self._again = already_in, again

    @property
    def is_over(self) -> bool:
        """Return whether nothing is under way and nothing more will be begun."""
        return not self._running and (self.is_stopping or self._is_complete)

    def wake_at(self) -> float | None:
        """Return when the next card will have settled; None when none is settling."""
        times = [
            slot.since + self._settle_s
            for slot in self.slots.values()
            if slot.phase is Phase.SETTLING
        ]
        return min(times, default=None)

    def begin(self, present: Sequence[Sighting], time: float) -> None:
        """Meet what is in the ports at the start; such cards are written only if asked for."""
        self._note(present, time, ())
        for slot in self.slots.values():
            if slot.phase is Phase.SETTLING and not self._takes_present:
                self._move(slot, Phase.LEFT, "was in before the start: pull it and put it in again")
        self._listener(StationNoted(text="ready: put cards in; ctrl-C ends"))

    def see(
        self,
        present: Sequence[Sighting],
        time: float,
        removed: Collection[tuple[str, int | None]] = (),
    ) -> None:
        """Take note of what is in the ports now.

        `removed` names media, by kernel name and count, that are known to have been pulled since
        the last look; the card that is in now may be another of the same name.
        """
        self._note(present, time, removed)
        self.tick(time)

    def tick(self, time: float) -> None:
        """Begin with every card that has settled, in the order they were put in."""
        ready = (Phase.SETTLING, Phase.WAITING)
        for slot in sorted(self.slots.values(), key=lambda slot: slot.since):
            if slot.phase in ready and slot.job is None and time >= slot.since + self._settle_s:
                self._begin(slot)

    def hear(self, message: Message, time: float) -> None:
        """Take note of what the crew says."""
        slot = self.slots[message.job.card.port]
        if slot.job is not message.job:
            return
        match message:
            case Checked():
                self._choose(slot, message.job, message.mark)
            case Finished():
                self._finish(slot, message.made)
            case Failed():
                self._fail(slot, message.job, message.error)
            case Advanced():
                self._advance(slot, message)
            case Remarked():
                self._listener(SlotNoted(port=slot.port, text=message.text))
        if slot.job is None:
            self._go_on(slot, message.job, time)
            self.tick(time)

    def stop(self, *, at_once: bool = False) -> None:
        """Begin with no more cards; `at_once` stops those under way as well."""
        if not self.is_stopping:
            self.is_stopping = True
            count = len(self._running)
            more = f"; {count} under way are finished first" if count else ""
            self._listener(StationNoted(text=f"no more cards are begun{more}"))
            for slot in self.slots.values():
                if slot.phase in (Phase.SETTLING, Phase.WAITING) and slot.job is None:
                    self._move(slot, Phase.LEFT, _STOPPING)
        if at_once and self._running:
            self._listener(StationNoted(text="stopping what is under way"))
            for slot in self._running:
                assert slot.job is not None
                slot.job.stop.set()

    @property
    def _is_complete(self) -> bool:
        """Return whether there is nothing more to make; whoever makes cards again is never done."""
        return self._ledger.is_complete and not self._again

    @property
    def _running(self) -> list[Slot]:
        return [slot for slot in self.slots.values() if slot.job]

    def _note(
        self,
        present: Sequence[Sighting],
        time: float,
        removed: Collection[tuple[str, int | None]],
    ) -> None:
        here = {sighting.port: sighting for sighting in present}
        for port in here.keys() - self.slots.keys():
            self.slots[port] = Slot(port)
        for slot in self.slots.values():
            seen = here.get(slot.port)
            card = seen if seen and seen.size_bytes else None
            if seen and card is None and _is_ejected(slot):
                continue
            if slot.card and (card is None or _differs(slot.card, card, removed)):
                self._lose(slot)
            if slot.card is None and card:
                self._find(slot, card, time)

    def _find(self, slot: Slot, card: Sighting, time: float) -> None:
        slot.card, slot.since, slot.is_ejected = card, time, False
        if slot.job is None:
            self._settle(slot)

    def _settle(self, slot: Slot) -> None:
        slot.item = None
        if self.is_stopping:
            self._move(slot, Phase.LEFT, _STOPPING)
        else:
            self._move(slot, Phase.SETTLING)

    def _lose(self, slot: Slot) -> None:
        slot.card = None
        if slot.job is None:
            self._move(slot, Phase.EMPTY)
        else:  # its thread finds out by itself, and then says in what state the card is
            self._listener(SlotNoted(port=slot.port, text="pulled out while it was being made"))

    def _begin(self, slot: Slot) -> None:
        """Have the settled card in `slot` looked at, if it is its turn."""
        assert slot.card is not None
        if reason := self._reason_to_wait(slot.card):
            if (slot.phase, slot.text) != (Phase.WAITING, reason):
                self._move(slot, Phase.WAITING, reason)
            return
        if self._is_complete:
            self._move(slot, Phase.LEFT, _COMPLETE)
            return
        slot.job = Job(slot.card)
        self._move(slot, Phase.CHECKING)
        self._crew.check(slot.job)

    def _reason_to_wait(self, card: Sighting) -> str:
        running = [slot.job.card for slot in self._running if slot.job]
        if any(other.name == card.name or _is_same(other, card) for other in running):
            return "waits until what was begun with it has ended"
        if len(running) >= self._most_jobs:
            return f"waits: {self._most_jobs} cards are being made"
        if self._ledger.next_item() is None and not self._ledger.is_complete:
            return "waits: the last of the list are being made"
        return ""

    def _choose(self, slot: Slot, job: Job, mark: Mark) -> None:
        """Decide what a card that may be written becomes."""
        slot.job = None
        if slot.card is not job.card or self.is_stopping:
            return
        known = self._ledger.recognise(mark)
        item = known or self._ledger.next_item()
        if known and not self._again:
            self._move(slot, Phase.LEFT, f"already done as {known.name}", known)
        elif item is None and self._ledger.is_complete:
            self._move(slot, Phase.LEFT, _COMPLETE)
        elif item is None:
            self._move(slot, Phase.WAITING)
        else:
            slot.job, slot.item = job, item
            slot.taking = self._ledger.take(
                item, port=slot.port, device=job.card.path, now=self._now()
            )
            self._move(slot, Phase.CHECKING, item=item)
            self._crew.flash(job, item)

    def _finish(self, slot: Slot, made: Made) -> None:
        assert slot.taking is not None
        item, slot.is_ejected = slot.taking.item, _is_ejected(slot)
        self._ledger.finish(slot.taking, made.mark, made.record, now=self._now())
        self._release(slot)
        self._listener(
            CardMade(
                port=slot.port,
                item=item,
                record=made.record,
                enrolment=made.enrolment,
                fingerprint=made.fingerprint,
                image_sha256=made.image_sha256,
            )
        )
        self._move(slot, Phase.DONE, made.text, item)

    def _fail(self, slot: Slot, job: Job, error: EdgeError) -> None:
        is_pulled = slot.card is not job.card
        reason = f"pulled out: {error.message}" if is_pulled else error.message
        item = slot.taking.item if slot.taking else None
        if slot.taking:
            stopped = job.stop.is_set()
            self._ledger.give_back(slot.taking, reason, stopped=stopped, now=self._now())
        self._release(slot)
        hint = "" if is_pulled else f" ({error.hint})" if error.hint else ""
        self._move(slot, Phase.FAILED, f"{reason}{hint}", item)

    def _advance(self, slot: Slot, message: Advanced) -> None:
        if message.phase is not slot.phase:
            self._move(slot, message.phase, item=slot.item)
        self._listener(
            SlotProgressed(
                port=slot.port,
                phase=message.phase,
                done_bytes=message.done_bytes,
                total_bytes=message.total_bytes,
                bytes_per_second=message.bytes_per_second,
            )
        )

    def _release(self, slot: Slot) -> None:
        slot.job = slot.taking = None

    def _go_on(self, slot: Slot, job: Job, time: float) -> None:
        """Turn from a job that has ended to what is in its slot now."""
        if slot.card is None:
            self._move(slot, Phase.EMPTY)
        elif slot.card is not job.card:
            slot.since = time
            self._settle(slot)
        elif slot.phase is Phase.CHECKING:
            self._move(slot, Phase.LEFT, _STOPPING)

    def _move(self, slot: Slot, phase: Phase, text: str = "", item: Item | None = None) -> None:
        slot.phase, slot.text = phase, text
        card = slot.job.card if slot.job else slot.card
        self._listener(
            SlotMoved(
                port=slot.port,
                phase=phase,
                device=str(card.path) if card else "",
                card=f"{card.model or 'card'}, {format_size(card.size_bytes)}" if card else "",
                item=item,
                text=text,
            )
        )


def _is_ejected(slot: Slot) -> bool:
    return slot.is_ejected or bool(slot.job and slot.job.leaving.is_set())


def _differs(old: Sighting, new: Sighting, removed: Collection[tuple[str, int | None]]) -> bool:
    """Return whether `new` is another card than `old`, or the same put in again."""
    if old.medium != new.medium or old.size_bytes != new.size_bytes:
        return True
    return any(
        name == old.name and (None in (diskseq, old.diskseq) or diskseq == old.diskseq)
        for name, diskseq in removed
    )


def _is_same(one: Sighting, other: Sighting) -> bool:
    """Return whether both may be the same card; readers of one make share a serial number."""
    return bool(one.cid) and one.cid == other.cid
