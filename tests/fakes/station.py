# SPDX-License-Identifier: Apache-2.0
"""Ports, cards and a crew that exist only in a test's imagination."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from edge.errors import EdgeError, FlashError
from edge.events import Event
from flasher.card.spec import CardSpec
from flasher.ranges import Range
from flasher.record import Attempt, Card, Outcome
from flasher.source import Image, Stamp
from flasher.station.event import Phase
from flasher.station.item import Item, Order, order_list
from flasher.station.mark import Mark
from flasher.station.port import Sighting
from flasher.station.station import Advanced, Checked, Failed, Finished, Job, Made

GIB = 1024**3
START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


def fake_image() -> Image:
    """Return an image that nobody will read."""
    return Image(
        path=Path("/images/node.img"),
        format="raw",
        size_bytes=GIB,
        sha256="ab" * 32,
        data=(Range(0, GIB),),
        head=bytes(512),
        stamp=Stamp(device=1, inode=2, size_bytes=GIB, changed_ns=3),
    )


def cams(count: int) -> Order:
    """Return the order to make cam-01, cam-02 ..."""
    specs = [CardSpec(name=f"cam-{number:02}") for number in range(1, count + 1)]
    return order_list(fake_image(), specs)


@dataclass(eq=False)
class FakeCard:
    """A card that can be put into ports, and remembers as what it was made."""

    uid: int
    cid: str = ""
    enrolment: str = ""
    head: str = ""
    made_as: list[Item] = field(default_factory=list)


class FakePorts:
    """Some ports; kernel names are given out as the kernel does, the lowest free first."""

    def __init__(self, *, has_diskseq: bool = True) -> None:
        self.cards: dict[str, tuple[FakeCard, Sighting]] = {}
        self.removed: list[tuple[str, int | None]] = []
        self.before_look: Callable[[], None] = lambda: None
        self._has_diskseq, self._count = has_diskseq, 0

    def put(self, card: FakeCard, port: str) -> Sighting:
        """Put `card` into a free port."""
        self._count += 1
        taken = {sighting.name for _card, sighting in self.cards.values()}
        name = next(f"sd{letter}" for letter in "bcdefghijk" if f"sd{letter}" not in taken)
        sighting = Sighting(
            port=port,
            name=name,
            path=Path("/dev") / name,
            size_bytes=32 * GIB,
            diskseq=self._count if self._has_diskseq else None,
            model="Reader",
            cid=card.cid,
        )
        self.cards[port] = (card, sighting)
        return sighting

    def pull(self, port: str) -> FakeCard:
        """Take the card out of a port."""
        card, sighting = self.cards.pop(port)
        self.removed.append((sighting.name, sighting.diskseq))
        return card

    def eject(self, port: str) -> None:
        """Have a reader look empty with its card still in."""
        card, sighting = self.cards[port]
        self.cards[port] = (card, replace(sighting, size_bytes=0))

    def look(self) -> list[Sighting]:
        """Return what is in the ports."""
        self.before_look()
        return [sighting for _card, sighting in self.cards.values()]

    def card_of(self, sighting: Sighting) -> FakeCard | None:
        """Return the card behind a sighting while it has not been pulled since."""
        for card, now in self.cards.values():
            if now is sighting:
                return card
        return None


class FakeCrew:
    """Keeps the jobs that were begun until a test says how they end."""

    def __init__(self, ports: FakePorts) -> None:
        self.ports = ports
        self.checks: dict[Job, FakeCard | None] = {}
        self.flashes: dict[Job, tuple[FakeCard | None, Item]] = {}
        self.records: list[Card] = []
        self.begun: list[tuple[str, str]] = []
        self.on_begin: Callable[[Job], None] = lambda _job: None
        self._count = 0

    def check(self, job: Job) -> None:
        """Begin to look at a card."""
        self.on_begin(job)
        self.checks[job] = self.ports.card_of(job.card)

    def flash(self, job: Job, item: Item) -> None:
        """Begin to make a card."""
        self.begun.append((job.card.port, item.name))
        card = self.ports.card_of(job.card)
        if card:
            card.enrolment = card.head = ""
        self.flashes[job] = (card, item)

    def pass_check(self, job: Job) -> Checked:
        """End a check well, with what is on the card."""
        card = self.checks.pop(job)
        mark = Mark(enrolment=card.enrolment, cid=card.cid, head=card.head) if card else Mark()
        return Checked(job, mark)

    def refuse(self, job: Job) -> Failed:
        """End a check with a refusal."""
        self.checks.pop(job)
        return Failed(job, EdgeError(f"{job.card.path} is mounted", hint="unmount it"))

    def advance(self, job: Job, phase: Phase = Phase.VERIFYING) -> Advanced:
        """Tell of progress."""
        return Advanced(job, phase, 5, 10, 1.0)

    def succeed(self, job: Job) -> Finished:
        """End a write well."""
        card, item = self.flashes.pop(job)
        assert card is not None
        self._count += 1
        card.enrolment = f"{self._count:016x}"
        card.made_as.append(item)
        self.records.append(_record(self._count, job, item, card.enrolment))
        mark = Mark(enrolment=card.enrolment, cid=card.cid)
        return Finished(job, Made(record=self._count, mark=mark, enrolment=card.enrolment))

    def cards(self) -> list[Card]:
        """Return the card records of all that was made, as a restarted station reads them."""
        return self.records

    def fail(self, job: Job, error: str = "byte 512 does not read back") -> Failed:
        """End a write badly."""
        self.flashes.pop(job)
        return Failed(job, FlashError(error))


def _record(number: int, job: Job, item: Item, enrolment: str) -> Card:
    attempt = Attempt(
        started=START,
        image_path=Path("/images/node.img"),
        image_sha256="ab" * 32,
        image_bytes=GIB,
        device_path=job.card.path,
        device_bytes=job.card.size_bytes,
        card_name=item.spec.name,
        enrolment_id=enrolment,
    )
    return Card(id=number, attempt=attempt, outcome=Outcome.WRITTEN)


class NoRecords:
    """Card records of somebody who never flashed a card."""

    def cards(self) -> list[Card]:
        """Return nothing."""
        return []


class Listening:
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
