# SPDX-License-Identifier: Apache-2.0
"""Whatever hands, hubs and kills do to a station, no card is written twice at once or lost."""

import tempfile
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from flasher.station.event import Phase
from flasher.station.ledger import Ledger, opened
from flasher.station.station import Job, Station
from tests.fakes.station import START, FakeCard, FakeCrew, FakePorts, Listening, cams

PORTS = ("usb 1-1", "usb 1-2", "usb 1-3", "mmc0")
ITEMS = 5
SETTLE_S = 1.0
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the book is written very often


class Storm(RuleBasedStateMachine):
    """Cards come and go, jobs end in any way and order, the station is killed and restarted."""

    @initialize(has_diskseq=st.booleans(), most_jobs=st.integers(1, 4), has_cid=st.booleans())
    def start(self, has_diskseq: bool, most_jobs: int, has_cid: bool) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.time, self.most_jobs = 0.0, most_jobs
        self.order = cams(ITEMS)
        self.ports = FakePorts(has_diskseq=has_diskseq)
        self.stock = [FakeCard(uid, cid=f"{uid:032x}" if has_cid else "") for uid in range(6)]
        self.uids = count(100)
        self.stale: list[Job] = []
        self.records = FakeCrew(self.ports).records
        self._open()

    @rule(which=st.integers(0, 5), port=st.sampled_from(PORTS), is_seen=st.booleans())
    def put(self, which: int, port: str, is_seen: bool) -> None:
        if port not in self.ports.cards and self.stock:
            self.ports.put(self.stock.pop(which % len(self.stock)), port)
        self._look_if(is_seen)

    @rule(port=st.sampled_from(PORTS), is_seen=st.booleans())
    def pull(self, port: str, is_seen: bool) -> None:
        if port in self.ports.cards:
            self.stock.append(self.ports.pull(port))
        self._look_if(is_seen)

    @rule(old=st.sampled_from(PORTS), new=st.sampled_from(PORTS), is_seen=st.booleans())
    def move(self, old: str, new: str, is_seen: bool) -> None:
        """The same card comes back at once, mostly under another name."""
        if old in self.ports.cards and (old == new or new not in self.ports.cards):
            self.ports.put(self.ports.pull(old), new)
        self._look_if(is_seen)

    @rule(heard=st.sampled_from(["all", "twice", "none", "late"]), seconds=st.floats(0, 2))
    def look(self, heard: str, seconds: float) -> None:
        """Events come once, twice, later or not at all; what is there is seen."""
        self.time += seconds
        removed = [] if heard in ("none", "late") else list(self.ports.removed)
        if heard != "late":
            self.ports.removed.clear()
        for _ in range(2 if heard == "twice" else 1):
            self.station.see(self.ports.look(), self.time, removed)

    @rule(seconds=st.floats(0, 2))
    def wait(self, seconds: float) -> None:
        self.time += seconds
        self.station.tick(self.time)

    @precondition(lambda self: self.crew.checks)
    @rule(data=st.data(), is_fine=st.booleans())
    def end_check(self, data: st.DataObject, is_fine: bool) -> None:
        job = data.draw(st.sampled_from(list(self.crew.checks)))
        message = self.crew.pass_check(job) if is_fine else self.crew.refuse(job)
        self.station.hear(message, self.time)
        self.stale.append(job)

    @precondition(lambda self: self.crew.flashes)
    @rule(data=st.data(), how=st.sampled_from(["well", "badly", "advance"]))
    def end_flash(self, data: st.DataObject, how: str) -> None:
        job = data.draw(st.sampled_from(list(self.crew.flashes)))
        if how == "advance":
            self.station.hear(self.crew.advance(job), self.time)
            return
        # Data cannot be verified on a card that is no longer there.
        is_there = self.ports.card_of(job.card) is not None
        message = self.crew.succeed(job) if how == "well" and is_there else self.crew.fail(job)
        self.station.hear(message, self.time)
        self.stale.append(job)

    @precondition(lambda self: self.stale)
    @rule()
    def say_again(self) -> None:
        """A thread that ended long ago has a last word."""
        job = self.stale.pop()
        if job not in self.crew.flashes and job not in self.crew.checks:
            self.station.hear(self.crew.advance(job), self.time)

    @rule(data=st.data(), is_noted=st.booleans())
    def kill(self, data: st.DataObject, is_noted: bool) -> None:
        """All jobs end with the station; one may have recorded its card but not told it."""
        ready = [job for job in self.crew.flashes if self.ports.card_of(job.card)]
        if is_noted and ready:
            self.crew.succeed(data.draw(st.sampled_from(ready)))
        self.stale.clear()
        self.stack.close()
        self._open()

    @invariant()
    def no_two_jobs_on_one_card(self) -> None:
        jobs = [*self.crew.checks, *self.crew.flashes]
        there = [card.uid for job in jobs if (card := self.ports.card_of(job.card))]
        assert len(there) == len(set(there))
        assert len({job.card.port for job in jobs}) == len(jobs)
        cids = [job.card.cid for job in jobs if job.card.cid]
        assert len(cids) == len(set(cids))
        assert len(jobs) <= self.most_jobs

    @invariant()
    def no_item_twice(self) -> None:
        items = [item.number for _card, item in self.crew.flashes.values()]
        items += self._made()
        assert len(items) == len(set(items))

    @invariant()
    def slots_tell_the_truth(self) -> None:
        jobs = {*self.crew.checks, *self.crew.flashes}
        for slot in self.station.slots.values():
            assert (slot.job is not None) == slot.phase.is_busy
            assert slot.job is None or slot.job in jobs
            assert slot.phase is not Phase.EMPTY or slot.card is None

    def teardown(self) -> None:
        """With patience and good cards everything is made, each item once."""
        if not hasattr(self, "station"):
            return
        for port in list(self.ports.cards):
            self.ports.pull(port)
        self._quieten()
        assert all(slot.phase is Phase.EMPTY for slot in self.station.slots.values())
        for _ in range(ITEMS):
            for port in PORTS:
                self.ports.put(FakeCard(next(self.uids)), port)
            self._quieten()
            for port in PORTS:
                self.ports.pull(port)
            self._quieten()
        assert self.station.is_over
        assert sorted(self._made()) == list(range(1, ITEMS + 1))
        self.stack.close()
        self.folder.cleanup()

    def _look_if(self, is_seen: bool) -> None:
        if is_seen:
            self.look("all", SETTLE_S)
            self.wait(SETTLE_S)

    def _open(self) -> None:
        self.stack = ExitStack()
        self.crew = FakeCrew(self.ports)
        self.crew.records = self.records
        self.ledger: Ledger = self.stack.enter_context(
            opened(Path(self.folder.name), self.order, self.crew, START)
        )
        self.station = Station(
            self.ledger,
            self.crew,
            Listening(),
            now=lambda: START,
            settle_s=SETTLE_S,
            most_jobs=self.most_jobs,
        )
        self.ports.removed.clear()
        self.station.begin(self.ports.look(), self.time)

    def _made(self) -> list[int]:
        """Return every item that was ever verified, once for each time."""
        names = [record.attempt.card_name for record in self.records]
        return [int(name.removeprefix("cam-")) for name in names]

    def _quieten(self) -> None:
        for _ in range(3 * len(PORTS)):
            self.look("all", 2 * SETTLE_S)
            for job in list(self.crew.checks):
                self.station.hear(self.crew.pass_check(job), self.time)
            for job in list(self.crew.flashes):
                is_there = self.ports.card_of(job.card) is not None
                end = self.crew.succeed if is_there else self.crew.fail
                self.station.hear(end(job), self.time)


TestStorm = Storm.TestCase
TestStorm.settings = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
