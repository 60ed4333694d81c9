# SPDX-License-Identifier: Apache-2.0
"""A station at work: its loop, its threads, its ears."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Event as Flag

import pytest

from edge.errors import BugError, EdgeError, FlashError
from edge.events import Event, Listener, Noted, Progressed
from flasher.device.watch import Action, BlockEvent
from flasher.station.crew import Teller, Threads
from flasher.station.event import CardMade, Phase, SlotMoved, SlotNoted
from flasher.station.item import Item
from flasher.station.ledger import opened
from flasher.station.mark import Mark
from flasher.station.port import Sighting
from flasher.station.run import Inbox, run_station
from flasher.station.station import Advanced, Job, Made, Message, Remarked, Station
from flasher.write.event import CardNoted, CardProgressed
from flasher.write.event import Phase as WritePhase
from tests.fakes.station import START, FakeCard, FakePorts, NoRecords, cams

PATIENCE_S = 60


class FakeWatch:
    """Passes on what a test says happened."""

    source = "a test"

    def __init__(self) -> None:
        self.told: Queue[list[BlockEvent] | EdgeError] = Queue()

    def poll(self, timeout_s: float) -> list[BlockEvent]:
        try:
            told = self.told.get(timeout=timeout_s)
        except Empty:
            return []
        if isinstance(told, EdgeError):
            raise told
        return told

    def close(self) -> None:
        pass


class FakeMaker:
    """Makes cards at once, unless told otherwise."""

    def __init__(self) -> None:
        self.on_check: Callable[[], None] = lambda: None
        self.on_flash: Callable[[Sighting, Flag], None] = lambda _card, _stop: None

    def check(self, card: Sighting) -> Mark:
        self.on_check()
        return Mark(cid=card.cid)

    def flash(self, job: Job, item: Item, listener: Listener) -> Made:
        listener(Progressed(step="write", done_bytes=1, total_bytes=1))
        self.on_flash(job.card, job.stop)
        return Made(record=item.number, mark=Mark(cid=job.card.cid, head="h"))


class Bench:
    """A running station whose ports a test fills; `on` is called in its own thread."""

    def __init__(self, folder: Path, items: int = 2) -> None:
        self.ports, self.watch, self.maker = FakePorts(), FakeWatch(), FakeMaker()
        self.inbox, self.events = Inbox(), list[Event]()
        self.on: Callable[[Event], None] = lambda _event: None
        self._folder, self._items = folder, items

    def put(self, uid: int, port: str) -> None:
        self.ports.put(FakeCard(uid), port)
        self.watch.told.put([BlockEvent(action=Action.ADD)])

    def run(self) -> None:
        with opened(self._folder, cams(self._items), NoRecords(), START) as ledger:
            self.station = Station(
                ledger,
                Threads(self.maker, self.inbox.post),
                self._hear,
                now=lambda: START,
                settle_s=0.01,
            )
            run_station(self.station, self.inbox, self.watch, self.ports.look)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.on(event)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Give a station that makes two cards."""
    return Bench(tmp_path)


def test_cards_are_made_until_the_list_is(bench: Bench) -> None:
    """The second card comes when the first is done."""

    def on(event: Event) -> None:
        if isinstance(event, CardMade) and event.item.number == 1:
            bench.put(2, "p2")

    bench.on = on
    with _arriving(bench):
        bench.run()
    made = [event.item.name for event in bench.events if isinstance(event, CardMade)]
    assert made == ["cam-01", "cam-02"]


def test_ctrl_c_finishes_and_again_stops(bench: Bench) -> None:
    """The card under way is finished after one, and stopped after two."""
    for times in (1, 2):
        began = Flag()

        def on_flash(_card: Sighting, stop: Flag, times: int = times, began: Flag = began) -> None:
            for _ in range(times):
                bench.inbox.stop()
            began.set()
            if times == 2:
                assert stop.wait(PATIENCE_S)
                raise FlashError("stopped: the medium is unbootable on purpose")

        bench.maker.on_flash = on_flash
        with _arriving(bench, uid=times):
            bench.run()
        assert began.is_set()
    moves = [event.phase for event in bench.events if isinstance(event, SlotMoved)]
    assert (Phase.DONE in moves, Phase.FAILED in moves) == (True, True)


def test_a_bug_in_one_slot_fails_that_slot(bench: Bench) -> None:
    """Its thread's last word is heard, whatever ended it."""

    def on_flash(_card: Sighting, _stop: Flag) -> None:
        bench.inbox.stop()
        raise ZeroDivisionError("by zero")

    bench.maker.on_flash = on_flash
    with _arriving(bench):
        bench.run()
    (failed,) = [e for e in bench.events if isinstance(e, SlotMoved) and e.phase is Phase.FAILED]
    assert failed.text == "ZeroDivisionError: by zero"


def test_a_failure_is_told_as_a_pulled_card(bench: Bench) -> None:
    """When it fails the ports are looked at first, and what is gone was pulled."""

    def on_flash(_card: Sighting, _stop: Flag) -> None:
        bench.ports.pull("p1")
        bench.inbox.stop()
        raise OSError(5, "Input/output error")

    bench.maker.on_flash = on_flash
    with _arriving(bench):
        bench.run()
    assert any(isinstance(event, SlotNoted) for event in bench.events)
    (failed,) = [e for e in bench.events if isinstance(e, SlotMoved) and e.phase is Phase.FAILED]
    assert failed.text == "pulled out: /dev/sdb: Input/output error"


def test_deaf_ears_end_it(bench: Bench) -> None:
    """A watch that fails is the end, told in one line."""
    bench.watch.told.put(EdgeError("cannot listen to disks coming and going: no"))
    with pytest.raises(EdgeError, match="cannot listen"):
        bench.run()


def test_progress_is_told_a_few_times_a_second() -> None:
    """The first, the last and a change of phase are told always."""
    posted: list[Message] = []
    time = 100.0
    teller = Teller(_job(), posted.append, lambda: time)
    for done in range(101):
        time += 0.01
        teller.hear(Progressed(step="write", done_bytes=done, total_bytes=100))
    teller.hear(
        CardProgressed(
            card="x", phase=WritePhase.VERIFY, done_bytes=0, total_bytes=9, bytes_per_second=4.0
        )
    )
    teller.hear(CardNoted(card="x", text="a stall"))
    teller.hear(Noted(text="about the whole run"))
    teller.hear(Progressed(step="read image", done_bytes=1, total_bytes=2))
    steps = [message for message in posted if isinstance(message, Advanced)]
    assert 5 <= len(steps) <= 9
    assert (steps[0].done_bytes, steps[-2].done_bytes) == (0, 100)
    assert round(steps[-2].bytes_per_second) == 100
    assert (steps[-1].phase, steps[-1].bytes_per_second) == (Phase.VERIFYING, 4.0)
    remarks = [message.text for message in posted if isinstance(message, Remarked)]
    assert remarks == ["a stall"]


def test_a_bug_is_called_one() -> None:
    """Errors of ours stay what they are; others ask to be reported."""
    inbox: Queue[Message] = Queue()
    maker = FakeMaker()
    maker.on_check = _stumble
    Threads(maker, inbox.put).check(_job())
    message = inbox.get(timeout=PATIENCE_S)
    assert isinstance(getattr(message, "error", None), BugError)


@contextmanager
def _arriving(bench: Bench, uid: int = 1) -> Iterator[None]:
    """Put a card into p1 as soon as the station has had its first look."""
    bench.ports.cards.clear()
    looked = 0

    def put() -> None:
        nonlocal looked
        looked += 1
        if looked == 2:
            bench.ports.put(FakeCard(uid), "p1")

    bench.ports.before_look = put
    bench.watch.told.put([BlockEvent(action=Action.LOST)])
    yield


def _stumble() -> None:
    raise KeyError("x")


def _job() -> Job:
    return Job(Sighting(port="p1", name="sdb", path=Path("/dev/sdb"), size_bytes=1))
