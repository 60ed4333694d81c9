# SPDX-License-Identifier: Apache-2.0
"""Consoles followed: until a stage, past an unplugged cable, up to a deadline."""

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
from serial.tools import list_ports

from edge.errors import ConsoleLostError, EdgeError, NodeError
from edge.events import Event
from edge.provision.console import (
    Aim,
    Console,
    ConsoleBack,
    ConsoleLost,
    ConsoleOutput,
    Facts,
    FactsLearned,
    Stage,
    StageDetector,
    StagePassed,
    adapter,
    follow,
    follow_async,
    open_console,
)
from edge.provision.console.follow import MAX_WAITING_EVENTS
from tests.fakes.console_server import ConsoleServer


class Line:
    """A serial line whose board end can be written to, pulled out and put back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends: list[int] = []
        self.plug()

    def plug(self) -> None:
        """Connect a new pair of ends under the same path."""
        self._ends = list(os.openpty())
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._ends[1]))

    def say(self, text: str) -> None:
        """Print `text` on the board."""
        os.write(self._ends[0], text.encode())

    def pull(self) -> None:
        """Disconnect both ends."""
        for end in self._ends:
            os.close(end)
        self._ends = []
        self.path.unlink()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """Give a connected serial line."""
    made = Line(tmp_path / "ttyUSB0")
    yield made
    made.pull()


def test_ends_at_the_stage_that_is_waited_for(line: Line, tmp_path: Path) -> None:
    """Following stops at the wanted stage, having told and logged everything up to it."""
    seen: list[Event] = []
    with open_console(str(line.path)) as console:
        line.say("edge: loader\r\nedge: maintenance at 10.0.0.2\r\n")
        result = follow(
            console,
            seen.append,
            Aim(log_path=tmp_path / "log", until=[Stage.MAINTENANCE], timeout_s=60),
        )
    assert result.reached is not None
    assert result.reached.text == "edge: maintenance at 10.0.0.2"
    assert [one.stage for one in seen if isinstance(one, StagePassed)] == [
        Stage.LOADER,
        Stage.MAINTENANCE,
    ]
    assert (
        b"".join(one.data for one in seen if isinstance(one, ConsoleOutput))
        == (tmp_path / "log").read_bytes()
    )


def test_unplugged_cable_is_waited_for(line: Line) -> None:
    """A cable pulled and put back is noted twice and the boot goes on being counted."""
    seen: list[Event] = []

    def react(event: Event) -> None:
        seen.append(event)
        match event:
            case StagePassed(stage=Stage.KERNEL):
                line.pull()
            case ConsoleBack():
                line.say("Welcome to GRUB!\nedge: init 0.1.0\n")

    with open_console(str(line.path)) as console:
        line.say("[    0.000000] Linux version 6.12\n")
        result = follow(
            console,
            react,
            Aim(until=[Stage.INIT], timeout_s=60),
            sleep=lambda _seconds: line.plug(),
        )
    assert result.boots == 2
    kinds = [type(one) for one in seen if isinstance(one, ConsoleLost | ConsoleBack)]
    assert kinds == [ConsoleLost, ConsoleBack]


def test_deadline_says_how_far_it_came(line: Line) -> None:
    """A stage that does not come in time is reported with the last one that did."""
    ticks = iter([0.0, 0.1, 0.2, 99.0])
    with open_console(str(line.path)) as console:
        line.say("edge: loader\n")
        with pytest.raises(
            NodeError, match="no running within 30 s; last was loader: edge: loader"
        ):
            follow(
                console,
                lambda _event: None,
                Aim(until=[Stage.RUNNING], timeout_s=30),
                clock=lambda: next(ticks),
            )


def test_silence_hints_at_the_wiring(line: Line) -> None:
    """A console that says nothing at all points at wiring, speed and power."""
    ticks = iter([0.0, 99.0])
    with (
        open_console(str(line.path)) as console,
        pytest.raises(NodeError, match="nothing was recognised") as caught,
    ):
        follow(
            console,
            lambda _event: None,
            Aim(until=[Stage.RUNNING], timeout_s=30),
            clock=lambda: next(ticks),
        )
    assert "--baud" in (caught.value.hint or "")


def test_stuck_board_ends_the_wait(line: Line) -> None:
    """A board that panics is reported at once and not waited for."""
    with open_console(str(line.path)) as console:
        line.say("[    2.0] Kernel panic - not syncing: no init\n")
        with pytest.raises(NodeError, match="kernel-failed: Kernel panic"):
            follow(console, lambda _event: None, Aim(until=[Stage.RUNNING], timeout_s=60))


def test_detector_keeps_counting(line: Line) -> None:
    """The same detector passed again counts on over two rounds of following."""
    detector = StageDetector()
    with open_console(str(line.path)) as console:
        for boot in (1, 2):
            line.say("Welcome to GRUB!\nedge: init 0.1.0\nedge: running\n")
            follow(
                console,
                lambda _event: None,
                Aim(until=[Stage.RUNNING], timeout_s=60),
                detector=detector,
            )
            line.say("edge: rebooting\n")
            assert detector.boots == boot


def test_stop_ends_it_quietly(line: Line) -> None:
    """Asked to stop, following returns what it has."""
    with open_console(str(line.path)) as console:
        result = follow(
            console,
            lambda _event: None,
            Aim(until=[Stage.RUNNING], timeout_s=60),
            stop=lambda: True,
        )
    assert (result.stages, result.reached) == ((), None)


def test_unwritable_log_is_named(line: Line, tmp_path: Path) -> None:
    """A log that cannot be written is refused before anything is read."""
    with (
        open_console(str(line.path)) as console,
        pytest.raises(EdgeError, match=r"cannot write the log .*none/log: No such file"),
    ):
        follow(console, lambda _event: None, Aim(log_path=tmp_path / "none" / "log"))


async def test_follow_beside_other_tasks(line: Line) -> None:
    """In an event loop, events arrive in the loop and the wait does not block it."""
    seen: list[Event] = []
    with open_console(str(line.path)) as console:
        wait = asyncio.create_task(
            follow_async(console, seen.append, Aim(until=[Stage.LOADER], timeout_s=60))
        )
        line.say("edge: loader\n")
        result = await wait
    assert result.reached is not None
    assert any(isinstance(one, StagePassed) for one in seen)


def test_cable_comes_back_under_another_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lasting name leads to the adapter wherever the kernel puts it the next time."""
    monkeypatch.setattr(adapter, "BY_ID", tmp_path / "by-id")
    (tmp_path / "by-id").mkdir()
    line = Line(tmp_path / "by-id/usb-FTDI-if00-port0")
    first = line.path.resolve()

    def react(event: Event) -> None:
        match event:
            case StagePassed(stage=Stage.KERNEL):
                line.pull()
            case ConsoleBack():
                line.say("edge: loader\n")

    # Held open, so that the kernel has to give another number.
    held = os.open(first, os.O_RDWR | os.O_NOCTTY)
    with open_console(str(first)) as console:
        assert console.name == str(line.path)
        line.say("[    0.000000] Linux version 6.12\n")
        result = follow(
            console,
            react,
            Aim(until=[Stage.LOADER], timeout_s=60),
            sleep=lambda _seconds: line.plug(),
        )
    assert result.reached is not None
    assert line.path.resolve() != first
    os.close(held)
    line.pull()


def test_adapter_without_a_lasting_name_is_recognised(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without udev's links the adapter itself is looked for among the ports that there are."""
    other = Line(tmp_path / "ttyUSB5")
    ports = {str(line.path): line, str(other.path): other}
    seen = [str(line.path)]

    def comports() -> list[FakePort]:
        return [FakePort(path) for path in seen if ports[path].path.exists()]

    monkeypatch.setattr(list_ports, "comports", comports)
    monkeypatch.setattr(adapter, "BY_ID", tmp_path / "none")

    def react(event: Event) -> None:
        match event:
            case StagePassed(stage=Stage.KERNEL):
                line.pull()
            case ConsoleBack():
                other.say("edge: loader\n")

    with open_console(str(line.path)) as console:
        line.say("[    0.000000] Linux version 6.12\n")
        result = follow(
            console,
            react,
            Aim(until=[Stage.LOADER], timeout_s=60),
            sleep=lambda _seconds: seen.append(str(other.path)),
        )
    assert result.reached is not None
    other.pull()
    line.plug()


def test_other_adapter_under_the_old_name_is_not_read(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two adapters that swap their names are told apart, and nothing is read until it is back."""
    other = Line(tmp_path / "ttyUSB5")
    ports = [
        FakePort(str(line.path)),
        FakePort(str(other.path), serial_number="B", location="1-2:1.0"),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    monkeypatch.setattr(adapter, "BY_ID", tmp_path / "none")
    with open_console(str(line.path)) as console:
        ports[:] = [FakePort(str(line.path), serial_number="B", location="1-2:1.0")]
        with pytest.raises(NodeError, match="its adapter is not back yet"):
            console.reopen()
        ports[:] = [
            FakePort(str(line.path), serial_number="B", location="1-2:1.0"),
            FakePort(str(other.path)),
        ]
        console.reopen()
        other.say("mine")
        assert console.read(5.0) == b"mine"
    other.pull()


def test_server_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    """A console server that is restarted is connected to again; both logs go on."""
    log, text = tmp_path / "raw", tmp_path / "text"
    with ConsoleServer(b"Welcome to GRUB!\n") as server, open_console(server.url) as console:

        def react(event: Event) -> None:
            match event:
                case StagePassed(stage=Stage.GRUB, boot=1):
                    server.greeting = b"edge: loader\n"
                    server.go_away()
                case ConsoleLost():
                    server.come_back()

        result = follow(
            console,
            react,
            Aim(until=[Stage.LOADER], timeout_s=60, log_path=log, text_log_path=text),
            sleep=lambda _seconds: None,
        )
    assert result.bytes_read == len(log.read_bytes())
    assert log.read_bytes() == b"Welcome to GRUB!\nedge: loader\n"
    assert [line.split("  ")[-1] for line in text.read_text().splitlines()] == [
        f"# console {server.url} at 115200 baud",
        "Welcome to GRUB!",
        f"# console {server.url} went away: the other end closed it",
        f"# console {server.url} is back",
        "edge: loader",
    ]


def test_console_that_stays_away(line: Line) -> None:
    """When time is up and the console is away, that is what the error says."""
    seconds = iter(range(100))
    with open_console(str(line.path)) as console:
        line.say("edge: loader\n")
        with pytest.raises(ConsoleLostError, match=r"is away; no running within 30 s, last was"):
            follow(
                console,
                lambda event: line.pull() if isinstance(event, StagePassed) else None,
                Aim(until=[Stage.RUNNING], timeout_s=30),
                clock=lambda: float(next(seconds)),
                sleep=lambda _seconds: None,
            )
    line.plug()


def test_facts_are_learned(line: Line) -> None:
    """Model, kernel, addresses and key are events, and part of what is returned."""
    pin = "A" * 43 + "="
    seen: list[Event] = []
    with open_console(str(line.path)) as console:
        line.say("[    0.0] Linux version 6.12.1\n[    0.0] Machine model: Toaster\n")
        line.say("edge: maintenance without an address fingerprint nonsense\n")
        line.say(f"edge: maintenance fe80::2,10.0.0.9 fingerprint {pin} card 00112233445566aa\n")
        result = follow(
            console,
            seen.append,
            Aim(until=[Stage.MAINTENANCE], when=lambda facts: facts.is_reachable, timeout_s=60),
        )
    assert result.facts == Facts(
        model="Toaster",
        kernel="6.12.1",
        state="maintenance",
        addresses=("10.0.0.9", "fe80::2"),
        fingerprint=pin,
        card="00112233445566aa",
    )
    assert [one for one in seen if isinstance(one, FactsLearned)][-1].facts == result.facts


def test_next_boot_knows_nothing_of_the_last() -> None:
    """After a restart addresses are unknown again: another board may be at the wire."""
    detector = StageDetector()
    detector.feed(b"edge: running 10.0.0.9 fingerprint x\nedge: rebooting\n")
    assert detector.facts.addresses == ("10.0.0.9",)
    detector.feed(b"[    0.0] Linux version 6.12.1\n")
    assert detector.facts == Facts(kernel="6.12.1")


class Flood(Console):
    """A console that never stops, a byte at a time, and counts how often it was read."""

    def __init__(self) -> None:
        self.name, self.baud, self.reads = "flood", 115200, 0

    def read(self, timeout_s: float = 0.0) -> bytes:
        """Return the next byte."""
        self.reads += 1
        return b"x"


async def test_busy_loop_is_waited_for() -> None:
    """While the loop stands still, as when a screen is drawn, only so much is read ahead."""
    flood = Flood()
    task = asyncio.create_task(follow_async(flood, lambda _event: None))
    await asyncio.sleep(0)
    deadline = monotonic() + 60
    while flood.reads < MAX_WAITING_EVENTS:
        assert monotonic() < deadline, "it is not read"
    threading.Event().wait(0.2)
    assert flood.reads <= MAX_WAITING_EVENTS + 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@dataclass
class FakePort:
    """What pyserial says of an FTDI adapter."""

    device: str
    vid: int = 0x0403
    pid: int = 0x6001
    serial_number: str = "A50285BI"
    location: str = "1-1:1.0"
    description: str = "n/a"
