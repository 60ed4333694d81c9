# SPDX-License-Identifier: Apache-2.0
"""A station in a process of its own, loop devices as its ports, the kernel's own events."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest

from edge.events import Event, Listener, Progressed
from flasher.device.watch import LOST, Action, BlockEvent, KernelWatch, watching
from flasher.record import CardRecords, Outcome
from flasher.station import (
    CardMade,
    Inbox,
    Item,
    Station,
    StationNoted,
    Threads,
    look,
    opened,
    run_station,
)
from flasher.station.mark import Mark, read_mark
from flasher.station.port import Sighting
from flasher.station.station import Job, Made
from tests.fakes.image import MIB, make_image
from tests.fakes.loop_port import LoopPort
from tests.fakes.station import START, NoRecords, cams

CARD_BYTES = 256 * MIB
_ROOT = Path(__file__).resolve().parents[3]
_EDGECTL = "from edge.cli.main import main; main()"


class RunningStation:
    """A station process and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    def wait_for(self, **wanted: object) -> dict[str, Any]:
        """Return the next line with these values."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            line: dict[str, Any] = json.loads(text)
            self.lines.append(line)
            if all(line.get(name) == value for name, value in wanted.items()):
                return line
        raise AssertionError(f"the station ended without {wanted}: {self.lines}")

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        assert self.process.stdout is not None
        self.lines += [json.loads(text) for text in self.process.stdout]
        return self.process.wait()


@pytest.fixture
def ports() -> Iterator[list[LoopPort]]:
    """Give four ports, the last of which no station is allowed."""
    with ExitStack() as stack:
        yield [stack.enter_context(LoopPort()) for _ in range(4)]


@pytest.fixture
def big_image(tmp_path: Path) -> Path:
    """Give an image that takes long enough to be pulled in the middle."""
    path = make_image(tmp_path / "node.img", size_mib=240)
    with path.open("r+b") as file:
        file.seek(20 * MIB)
        file.write(random.Random(3).randbytes(200 * MIB))
    return path


def test_a_list_is_made_through_pulls_and_kills(
    ports: list[LoopPort], big_image: Path, tmp_path: Path
) -> None:
    """Every item is made once; nothing outside the allowed ports is touched."""
    one, two, three, other = ports
    cards = [_new_card(tmp_path / f"card{number}") for number in range(4)]
    other.put(cards[3])
    names, allowed = "cam-01 cam-02 cam-03", _ports(ports[:3])
    labels = ["--labels", str(tmp_path / "labels")]
    with _running(tmp_path, big_image, names, *allowed, *labels) as station:
        station.wait_for(event="StationNoted")
        one.put(cards[0])
        station.wait_for(event="CardMade", item="cam-01")
        two.put(cards[1])
        station.wait_for(port=two.name, phase="writing")
        two.yank(cards[1])
        failed = station.wait_for(port=two.name, phase="failed", item="cam-02")
        assert "pulled" in failed["text"]
        station.wait_for(port=two.name, phase="empty")
        three.put(cards[2])
        station.wait_for(port=three.name, phase="writing", item="cam-02")
        station.process.kill()
        assert station.finish() == -signal.SIGKILL
    two.pull()
    with _running(tmp_path, big_image, names, *allowed) as station:
        before = station.wait_for(port=three.name, phase="left alone")
        assert "was in before the start" in before["text"]
        station.wait_for(event="StationNoted")
        one.pull()
        station.wait_for(port=one.name, phase="empty")
        one.put(cards[0])
        again = station.wait_for(port=one.name, phase="left alone")
        assert again["text"] == "already done as cam-01"
        three.pull()
        station.wait_for(port=three.name, phase="empty")
        three.put(cards[2])
        station.wait_for(event="CardMade", item="cam-02")
        two.put(_new_card(cards[1]))
        station.wait_for(event="CardMade", item="cam-03")
        assert station.finish() == 0
    notes = [line["text"] for line in station.lines if line["event"] == "SlotNoted"]
    assert any(text.startswith("continued: ") for text in notes), notes
    states = [line["state"] for line in station.lines if line["event"] == "ItemStands"]
    assert states == ["done"] * 3
    _check_cards(tmp_path, {"cam-01": cards[0], "cam-02": cards[2], "cam-03": cards[1]})
    assert cards[3].read_bytes() == b"\xa5" * CARD_BYTES
    assert len(list((tmp_path / "labels").glob("*-cam-01.*"))) == 2
    with _running(tmp_path, big_image, names, *allowed) as station:
        assert station.finish() == 0


def test_two_ctrl_c_leave_stated_conditions(
    ports: list[LoopPort], big_image: Path, tmp_path: Path
) -> None:
    """The first begins no more, the second stops the card under way; the exit code says so."""
    card = _new_card(tmp_path / "card")
    with _running(tmp_path, big_image, "a b", *_ports(ports[:1])) as station:
        station.wait_for(event="StationNoted")
        ports[0].put(card)
        station.wait_for(phase="writing")
        station.process.send_signal(signal.SIGINT)
        station.process.send_signal(signal.SIGTERM)
        failed = station.wait_for(phase="failed")
        assert failed["text"] == "stopped: the medium is unbootable on purpose"
        assert station.finish() == 7
    assert [line["state"] for line in station.lines[-2:]] == ["stopped", "pending"]
    assert not any(card.read_bytes()[:512])
    records = CardRecords(tmp_path / "home/cards.sqlite").cards()
    assert [record.outcome for record in records] == [Outcome.STOPPED]


def test_a_refused_card_takes_no_item(
    ports: list[LoopPort], big_image: Path, tmp_path: Path
) -> None:
    """What a single flash refuses, a station refuses; the item goes to the next card."""
    small = tmp_path / "small"
    with small.open("wb") as file:
        file.truncate(64 * MIB)
    with _running(tmp_path, big_image, "a", *_ports(ports[:1])) as station:
        station.wait_for(event="StationNoted")
        ports[0].put(small)
        assert "the image needs" in station.wait_for(phase="failed")["text"]
        ports[0].pull()
        station.wait_for(phase="empty")
        ports[0].put(_new_card(tmp_path / "card"))
        station.wait_for(event="CardMade", item="a")
        assert station.finish() == 0


def test_the_kernel_tells_what_happens() -> None:
    """A disk that is made and removed is heard, with the count of its medium."""
    watch = KernelWatch()
    with LoopPort() as port:
        pass
    heard = [event for event in watch.poll(5) if event.name == port.name]
    watch.close()
    assert {Action.ADD, Action.REMOVE} <= {event.action for event in heard}
    assert len({event.diskseq for event in heard}) == 1


def test_a_storm_that_overruns_the_buffer_is_told() -> None:
    """What was lost is known to be lost, and what comes afterwards is heard."""
    watch = KernelWatch(buffer_bytes=4096)
    with LoopPort() as port:
        for _ in range(200):
            Path("/sys/block", port.name, "uevent").write_text("change")
        assert LOST in watch.poll(5)
        Path("/sys/block", port.name, "uevent").write_text("change")
        assert _is_change_of(port, watch.poll(5))
    watch.close()


def test_a_storm_of_cards_makes_each_item_once(ports: list[LoopPort], tmp_path: Path) -> None:
    """Disks come, change and go for a second, told by the kernel; then they stay."""
    maker, inbox, ready = _CountingMaker(), Inbox(), Flag()
    made: list[Item] = []

    def hear(event: Event) -> None:
        if isinstance(event, StationNoted):
            ready.set()
        elif isinstance(event, CardMade):
            made.append(event.item)

    def storm() -> None:
        assert ready.wait(60)
        cards = [tmp_path / port.name for port in ports]
        for card in cards:
            with card.open("wb") as file:
                file.truncate(MIB)
        for turn in range(20):
            for port, card in zip(ports, cards, strict=True):
                port.put(card)
                Path("/sys/block", port.name, "uevent").write_text("change")
                if turn < 19:
                    port.pull()

    begun = Thread(target=storm)
    with watching() as watch, opened(tmp_path, cams(len(ports)), NoRecords(), START) as ledger:
        station = Station(ledger, Threads(maker, inbox.post), hear, now=lambda: START)
        patterns = [port.pattern for port in ports]
        begun.start()
        run_station(station, inbox, watch, lambda: look(patterns))
    begun.join()
    assert sorted(item.number for item in made) == [1, 2, 3, 4]
    assert not maker.overlaps


class _CountingMaker:
    """Makes nothing, and notices when two make the same card at once."""

    def __init__(self) -> None:
        self.overlaps = False
        self._busy: set[str] = set()

    def check(self, card: Sighting) -> Mark:
        return Mark(serial=card.port)

    def flash(self, job: Job, item: Item, listener: Listener) -> Made:
        self.overlaps = self.overlaps or job.card.name in self._busy
        self._busy.add(job.card.name)
        listener(Progressed(step="write", done_bytes=1, total_bytes=1))
        self._busy.discard(job.card.name)
        return Made(record=item.number, mark=Mark())


def _is_change_of(port: LoopPort, events: list[BlockEvent]) -> bool:
    return any(event.name == port.name and event.action is Action.CHANGE for event in events)


@contextmanager
def _running(folder: Path, image: Path, names: str, *words: str) -> Iterator[RunningStation]:
    """Run a station with its list and records in `folder`; it ends with the block."""
    cards = folder / "cards.csv"
    cards.write_text("name\n" + "\n".join(names.split()) + "\n")
    given = ("--image", str(image), "--list", str(cards), "--output", "jsonl", "--yes", *words)
    environment = {
        **os.environ,
        "EDGECTL_HOME": str(folder / "home"),
        "EDGECTL_CACHE": str(folder / "cache"),
    }
    with subprocess.Popen(
        [sys.executable, "-c", _EDGECTL, "flash", "--watch", *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        cwd=_ROOT,
    ) as process:
        try:
            yield RunningStation(process)
        finally:
            process.kill()


def _ports(ports: list[LoopPort]) -> list[str]:
    return [word for port in ports for word in ("--port", port.pattern)]


def _new_card(path: Path) -> Path:
    """Write a file full of old data."""
    with path.open("wb") as file:
        for _ in range(CARD_BYTES // MIB):
            file.write(b"\xa5" * MIB)
    return path


def _check_cards(folder: Path, made: dict[str, Path]) -> None:
    """See that every card carries the enrolment that the records have under its name."""
    records = CardRecords(folder / "home/cards.sqlite").cards()
    written = {
        record.attempt.card_name: record.attempt.enrolment_id
        for record in records
        if record.outcome is Outcome.WRITTEN
    }
    found = {
        name: read_mark(Sighting(port="", name="", path=path, size_bytes=0)).enrolment
        for name, path in made.items()
    }
    assert found == written
