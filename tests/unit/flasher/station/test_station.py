# SPDX-License-Identifier: Apache-2.0
"""What a station does with cards, one situation at a time."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flasher.station.event import CardMade, Phase, SlotMoved, SlotNoted, SlotProgressed
from flasher.station.ledger import Ledger, State, opened
from flasher.station.port import Sighting
from flasher.station.station import Job, Station
from tests.fakes.station import START, FakeCard, FakeCrew, FakePorts, Listening, cams

SETTLE_S = 1.0


class Bench:
    """A station whose time, ports and crew a test drives."""

    def __init__(self, folder: Path, items: int = 3, **options: int) -> None:
        self.time = 0.0
        self.ports = FakePorts()
        self.crew = FakeCrew(self.ports)
        self.heard = Listening()
        self.stack = ExitStack()
        self.ledger: Ledger = self.stack.enter_context(
            opened(folder, cams(items), self.crew, START)
        )
        self.station = Station(
            self.ledger,
            self.crew,
            self.heard,
            now=lambda: START,
            settle_s=SETTLE_S,
            most_jobs=options.pop("most_jobs", 16),
            already_in=bool(options.pop("already_in", False)),
            again=bool(options.pop("again", False)),
        )

    def look(self, seconds: float = 0.0) -> None:
        self.time += seconds
        removed = list(self.ports.removed)
        self.ports.removed.clear()
        self.station.see(self.ports.look(), self.time, removed)

    def settle(self) -> None:
        self.look()
        self.look(SETTLE_S)

    def put(self, card: FakeCard, port: str) -> None:
        self.ports.put(card, port)
        self.settle()

    def pass_checks(self) -> None:
        for job in list(self.crew.checks):
            self.station.hear(self.crew.pass_check(job), self.time)

    def begin(self, card: FakeCard, port: str) -> Job:
        """Put a card in and let it come as far as being written."""
        self.put(card, port)
        self.pass_checks()
        return self.job(port)

    def job(self, port: str) -> Job:
        job = self.station.slots[port].job
        assert job is not None
        return job

    def make(self, card: FakeCard, port: str) -> None:
        job = self.begin(card, port)
        self.station.hear(self.crew.succeed(job), self.time)

    def phase(self, port: str) -> Phase:
        return self.station.slots[port].phase

    def text(self, port: str) -> str:
        return self.station.slots[port].text

    def phases(self, port: str) -> list[Phase]:
        """Return where the slot was, repetitions left out."""
        moved = [e for e in self.heard.events if isinstance(e, SlotMoved) and e.port == port]
        phases = [event.phase for event in moved]
        return [p for at, p in enumerate(phases) if at == 0 or phases[at - 1] is not p]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a station that makes cam-01 to cam-03."""
    found = Bench(tmp_path)
    with found.stack:
        yield found


def test_a_slot_goes_from_empty_to_done_and_back(bench: Bench) -> None:
    """Every phase is told in its order, and the card that is made."""
    job = bench.begin(FakeCard(1), "p1")
    for phase in (Phase.PROBING, Phase.WRITING, Phase.VERIFYING):
        bench.station.hear(bench.crew.advance(job, phase), bench.time)
    bench.station.hear(bench.crew.succeed(job), bench.time)
    bench.ports.pull("p1")
    bench.look()
    assert bench.phases("p1") == [
        Phase.SETTLING,
        Phase.CHECKING,
        Phase.PROBING,
        Phase.WRITING,
        Phase.VERIFYING,
        Phase.DONE,
        Phase.EMPTY,
    ]
    (made,) = [event for event in bench.heard.events if isinstance(event, CardMade)]
    assert (made.item.name, made.enrolment) == ("cam-01", f"{1:016x}")
    assert any(isinstance(event, SlotProgressed) for event in bench.heard.events)


def test_nothing_begins_before_the_contacts_are_quiet(bench: Bench) -> None:
    """Every new contact starts the wait anew; a reader without a card is no card."""
    for _ in range(5):
        bench.ports.put(FakeCard(1), "p1")
        bench.look(0.9)
        bench.ports.pull("p1")
    bench.ports.put(FakeCard(1), "p1")
    bench.look(0.9)
    bench.station.see([*bench.ports.look(), _empty("p2")], bench.time)
    assert not bench.crew.checks
    assert bench.phases("p2") == []
    bench.settle()
    assert len(bench.crew.checks) == 1


def test_a_swap_between_two_looks_is_noticed(bench: Bench) -> None:
    """Another card under the same kernel name has another count, or its removal was heard."""
    bench.ports.put(FakeCard(1), "p1")
    bench.look()
    bench.ports.pull("p1")
    bench.ports.put(FakeCard(2), "p1")
    bench.ports.removed.clear()
    bench.look(0.9)
    bench.look(0.9)
    assert bench.phase("p1") is Phase.SETTLING


def test_cards_that_were_in_before_are_left_alone(bench: Bench) -> None:
    """They are named, and written once they are put in again."""
    bench.ports.put(FakeCard(1), "p1")
    bench.station.begin(bench.ports.look(), 0.0)
    bench.settle()
    assert bench.phase("p1") is Phase.LEFT
    assert "pull it and put it in again" in bench.text("p1")
    bench.ports.pull("p1")
    bench.look()
    bench.put(FakeCard(1), "p1")
    assert bench.phase("p1") is Phase.CHECKING


def test_cards_that_were_in_before_are_written_on_request(tmp_path: Path) -> None:
    """With `already_in` they are cards like any other."""
    bench = Bench(tmp_path, already_in=True)
    with bench.stack:
        bench.ports.put(FakeCard(1), "p1")
        bench.station.begin(bench.ports.look(), 0.0)
        bench.settle()
        assert bench.phase("p1") is Phase.CHECKING


def test_a_failed_item_is_the_next_one_again(bench: Bench) -> None:
    """The next card gets it; the error is kept although it is made in the end."""
    job = bench.begin(FakeCard(1), "p1")
    bench.station.hear(bench.crew.fail(job, "byte 512 does not read back"), bench.time)
    assert (bench.phase("p1"), bench.text("p1")) == (Phase.FAILED, "byte 512 does not read back")
    bench.make(FakeCard(2), "p2")
    assert bench.crew.begun == [("p1", "cam-01"), ("p2", "cam-01")]
    first = bench.ledger.standings()[0]
    assert (first.state, first.tries, first.error) == (
        State.DONE,
        2,
        "byte 512 does not read back",
    )


def test_a_refused_card_takes_no_item(bench: Bench) -> None:
    """What a check refuses is told with what to do."""
    bench.put(FakeCard(1), "p1")
    bench.station.hear(bench.crew.refuse(next(iter(bench.crew.checks))), bench.time)
    assert (bench.phase("p1"), bench.text("p1")) == (
        Phase.FAILED,
        "/dev/sdb is mounted (unmount it)",
    )
    assert bench.ledger.standings()[0].tries == 0


def test_a_pulled_card_fails_its_slot_alone(bench: Bench) -> None:
    """Its item goes to the next card; the slot is blocked until the thread has noticed."""
    one, two = bench.begin(FakeCard(1), "p1"), bench.begin(FakeCard(2), "p2")
    bench.ports.pull("p1")
    bench.ports.put(FakeCard(3), "p1")
    bench.settle()
    assert any(isinstance(event, SlotNoted) for event in bench.heard.events)
    assert not bench.crew.checks
    bench.station.hear(bench.crew.fail(one, "the device is gone"), bench.time)
    assert bench.phase("p1") is Phase.SETTLING
    assert bench.ledger.standings()[0].error == "pulled out: the device is gone"
    bench.settle()
    bench.pass_checks()
    assert bench.crew.begun[-1] == ("p1", "cam-01")
    assert bench.job("p2") is two


def test_a_card_pulled_right_after_its_last_byte_is_done(bench: Bench) -> None:
    """What is verified counts, wherever the card is by now."""
    job = bench.begin(FakeCard(1), "p1")
    message = bench.crew.succeed(job)
    bench.ports.pull("p1")
    bench.look()
    bench.station.hear(message, bench.time)
    assert bench.phase("p1") is Phase.EMPTY
    assert bench.ledger.done_count == 1


@pytest.mark.parametrize("is_heard_first", [True, False])
def test_an_ejected_card_is_not_a_pulled_one(bench: Bench, is_heard_first: bool) -> None:
    """Its reader looks empty, and its slot says "done" until another card comes."""
    job = bench.begin(FakeCard(1), "p1")
    message = bench.crew.succeed(job)
    job.leaving.set()
    bench.ports.eject("p1")
    if not is_heard_first:
        bench.look()
    bench.station.hear(message, bench.time)
    bench.look(9)
    assert bench.phase("p1") is Phase.DONE
    assert not any(isinstance(event, SlotNoted) for event in bench.heard.events)
    bench.ports.pull("p1")
    bench.ports.put(FakeCard(2), "p1")
    bench.look()
    assert bench.phase("p1") is Phase.SETTLING
    bench.ports.eject("p1")
    bench.look()
    assert bench.phase("p1") is Phase.EMPTY


def test_a_finished_card_is_recognised(bench: Bench) -> None:
    """Put in again, anywhere, it is named and left as it is."""
    card = FakeCard(1)
    bench.make(card, "p1")
    bench.ports.pull("p1")
    bench.put(card, "p2")
    bench.pass_checks()
    assert (bench.phase("p2"), bench.text("p2")) == (Phase.LEFT, "already done as cam-01")


def test_a_finished_card_is_made_again_on_request(tmp_path: Path) -> None:
    """It stays the same item, which is not done while its card is being made again."""
    bench = Bench(tmp_path, again=True)
    with bench.stack:
        card = FakeCard(1)
        bench.make(card, "p1")
        bench.ports.pull("p1")
        job = bench.begin(card, "p2")
        assert bench.crew.begun == [("p1", "cam-01"), ("p2", "cam-01")]
        assert bench.ledger.done_count == 0
        bench.station.hear(bench.crew.fail(job), bench.time)
        assert bench.ledger.next_item() == bench.ledger.order.item(1)


def test_only_so_many_cards_at_once(tmp_path: Path) -> None:
    """The others wait in the order they were put in, and say for what."""
    bench = Bench(tmp_path, most_jobs=1)
    with bench.stack:
        job = bench.begin(FakeCard(1), "p1")
        bench.put(FakeCard(3), "p3")
        bench.put(FakeCard(2), "p2")
        assert bench.phase("p3") is bench.phase("p2") is Phase.WAITING
        bench.station.hear(bench.crew.succeed(job), bench.time)
        assert (bench.phase("p3"), bench.phase("p2")) == (Phase.CHECKING, Phase.WAITING)


def test_the_last_item_may_come_back(tmp_path: Path) -> None:
    """A card for which there is nothing waits, and is made when another one fails."""
    bench = Bench(tmp_path, items=1)
    with bench.stack:
        job = bench.begin(FakeCard(1), "p1")
        bench.put(FakeCard(2), "p2")
        assert "the last of the list are being made" in bench.text("p2")
        bench.station.hear(bench.crew.fail(job), bench.time)
        bench.pass_checks()
        bench.station.hear(bench.crew.succeed(bench.job("p2")), bench.time)
        assert bench.station.is_over


def test_it_is_over_when_the_list_is(tmp_path: Path) -> None:
    """A card too many is left as it is."""
    bench = Bench(tmp_path, items=1)
    with bench.stack:
        job = bench.begin(FakeCard(1), "p1")
        bench.put(FakeCard(2), "p2")
        bench.station.hear(bench.crew.succeed(job), bench.time)
        assert bench.station.is_over
        assert (bench.phase("p2"), "everything is made" in bench.text("p2")) == (Phase.LEFT, True)


def test_stopping_finishes_what_is_under_way(bench: Bench) -> None:
    """No card is begun any more, not even one whose check comes to its end."""
    running, checking = bench.begin(FakeCard(1), "p1"), FakeCard(2)
    bench.put(checking, "p2")
    bench.ports.put(FakeCard(3), "p3")
    bench.look()
    bench.station.stop()
    bench.pass_checks()
    bench.put(FakeCard(4), "p4")
    assert {bench.phase(port) for port in ("p2", "p3", "p4")} == {Phase.LEFT}
    assert not running.stop.is_set()
    assert not bench.station.is_over
    bench.station.hear(bench.crew.succeed(running), bench.time)
    assert bench.station.is_over


def test_stopping_twice_stops_what_is_under_way(bench: Bench) -> None:
    """Its item is noted as stopped, and not as failed."""
    running = bench.begin(FakeCard(1), "p1")
    bench.station.stop()
    bench.station.stop(at_once=True)
    assert running.stop.is_set()
    bench.station.hear(bench.crew.fail(running, "stopped: nothing was written to it"), bench.time)
    assert bench.station.is_over
    assert bench.ledger.standings()[0].state is State.STOPPED


def test_a_storm_is_one_card(bench: Bench) -> None:
    """Fifty comings and goings of two ports within a second end in one job for each."""
    for _ in range(25):
        for port in ("p1", "p2"):
            bench.ports.put(FakeCard(1 if port == "p1" else 2), port)
            bench.look(0.02)
            bench.ports.pull(port)
            bench.look(0.02)
    bench.ports.put(FakeCard(1), "p1")
    bench.put(FakeCard(2), "p2")
    assert sorted(job.card.port for job in bench.crew.checks) == ["p1", "p2"]
    bench.look(5)
    bench.pass_checks()
    assert len(bench.crew.flashes) == 2


def _empty(port: str) -> Sighting:
    return Sighting(port=port, name="sdz", path=Path("/dev/sdz"), size_bytes=0)
