# SPDX-License-Identifier: Apache-2.0
"""Consoles followed: until a stage, past an unplugged cable, up to a deadline."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import EdgeError, NodeError
from edge.events import Event
from edge.provision.console import (
    ConsoleBack,
    ConsoleLost,
    ConsoleOutput,
    Stage,
    StageDetector,
    StagePassed,
    follow,
    follow_async,
    open_console,
)


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
            log_path=tmp_path / "log",
            until=[Stage.MAINTENANCE],
            timeout_s=20,
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
            console, react, until=[Stage.INIT], timeout_s=20, sleep=lambda _seconds: line.plug()
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
                until=[Stage.RUNNING],
                timeout_s=30,
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
            until=[Stage.RUNNING],
            timeout_s=30,
            clock=lambda: next(ticks),
        )
    assert "--baud" in (caught.value.hint or "")


def test_stuck_board_ends_the_wait(line: Line) -> None:
    """A board that panics is reported at once and not waited for."""
    with open_console(str(line.path)) as console:
        line.say("[    2.0] Kernel panic - not syncing: no init\n")
        with pytest.raises(NodeError, match="kernel-failed: Kernel panic"):
            follow(console, lambda _event: None, until=[Stage.RUNNING], timeout_s=20)


def test_detector_keeps_counting(line: Line) -> None:
    """The same detector passed again counts on over two rounds of following."""
    detector = StageDetector()
    with open_console(str(line.path)) as console:
        for boot in (1, 2):
            line.say("Welcome to GRUB!\nedge: init 0.1.0\nedge: running\n")
            follow(
                console,
                lambda _event: None,
                until=[Stage.RUNNING],
                timeout_s=20,
                detector=detector,
            )
            line.say("edge: rebooting\n")
            assert detector.boots == boot


def test_stop_ends_it_quietly(line: Line) -> None:
    """Asked to stop, following returns what it has."""
    with open_console(str(line.path)) as console:
        result = follow(
            console, lambda _event: None, until=[Stage.RUNNING], timeout_s=20, stop=lambda: True
        )
    assert (result.stages, result.reached) == ((), None)


def test_unwritable_log_is_named(line: Line, tmp_path: Path) -> None:
    """A log that cannot be written is refused before anything is read."""
    with (
        open_console(str(line.path)) as console,
        pytest.raises(EdgeError, match=r"cannot write the log .*none/log: No such file"),
    ):
        follow(console, lambda _event: None, log_path=tmp_path / "none" / "log")


async def test_follow_beside_other_tasks(line: Line) -> None:
    """In an event loop, events arrive in the loop and the wait does not block it."""
    seen: list[Event] = []
    with open_console(str(line.path)) as console:
        wait = asyncio.create_task(
            follow_async(console, seen.append, until=[Stage.LOADER], timeout_s=20)
        )
        line.say("edge: loader\n")
        result = await wait
    assert result.reached is not None
    assert any(isinstance(one, StagePassed) for one in seen)
