# SPDX-License-Identifier: Apache-2.0
"""Follow a console: its bytes to a listener and a log, its boot stages named, over any replugging.

Plain blocking code without threads; `follow_async` puts it beside other tasks of an event loop.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from edge.errors import EdgeError, NodeError
from edge.events import Event, Listener
from edge.provision.console import POLL_S, Console
from edge.provision.stage import Stage, StageDetector, StagePassed
from edge.units import format_duration

RECONNECT_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOutput(Event):
    """These bytes came out of the console."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLost(Event):
    """The console went away: unplugged, or the other end closed it."""

    console: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleBack(Event):
    """The console can be read again."""

    console: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What came out of a console while it was followed."""

    stages: tuple[StagePassed, ...]
    boots: int
    bytes_read: int
    seconds: float
    reached: StagePassed | None
    """The stage that was waited for."""


def follow(
    console: Console,
    listener: Listener,
    *,
    log_path: Path | None = None,
    until: Collection[Stage] = (),
    timeout_s: float | None = None,
    stop: Callable[[], bool] = lambda: False,
    detector: StageDetector | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Transcript:
    """Follow `console` until a stage in `until` passes, `stop` says so, or time is up.

    Every byte is appended to `log_path`. `listener` gets ConsoleOutput, StagePassed, ConsoleLost
    and ConsoleBack events; a console that goes away is reopened when it is back. Pass the same
    `detector` again to keep counting boots.

    Raises:
        NodeError: when `until` is not reached within `timeout_s`, or the board is stuck before it.
        EdgeError: when the log cannot be written.
    """
    with ExitStack() as stack:
        log = stack.enter_context(_open_log(log_path)) if log_path else None
        follower = _Follower(
            console=console,
            listener=listener,
            detector=detector or StageDetector(),
            log=log,
            sleep=sleep,
        )
        started = clock()
        while not stop():
            left = None if timeout_s is None else started + timeout_s - clock()
            if left is not None and left <= 0:
                break
            follower.turn(POLL_S if left is None else min(POLL_S, left))
            reached = follower.reached(until)
            if reached:
                return follower.transcript(clock() - started, reached)
        if until and not stop():
            raise follower.too_late(until, timeout_s or 0.0)
        return follower.transcript(clock() - started, None)


async def follow_async(
    console: Console,
    listener: Listener,
    *,
    log_path: Path | None = None,
    until: Collection[Stage] = (),
    timeout_s: float | None = None,
    detector: StageDetector | None = None,
) -> Transcript:
    """Follow `console` beside other tasks; events arrive in the loop, cancelling ends it.

    Raises:
        NodeError: as `follow` does.
    """
    loop, halted = asyncio.get_running_loop(), threading.Event()
    try:
        return await asyncio.to_thread(
            follow,
            console,
            lambda event: _post(loop, listener, event),
            log_path=log_path,
            until=until,
            timeout_s=timeout_s,
            stop=halted.is_set,
            detector=detector,
        )
    finally:
        halted.set()


@dataclass(slots=True, kw_only=True)
class _Follower:
    console: Console
    listener: Listener
    detector: StageDetector
    log: BinaryIO | None
    sleep: Callable[[float], None]
    stages: list[StagePassed] = field(default_factory=list)
    bytes_read: int = 0
    lost: bool = False
    _checked: int = 0

    def turn(self, timeout_s: float) -> None:
        """Read once, or try once to get a lost console back."""
        if self.lost:
            self._try_again(timeout_s)
            return
        try:
            data = self.console.read(timeout_s)
        except NodeError as error:
            self.lost = True
            self.console.close()
            self.listener(ConsoleLost(console=self.console.name, reason=error.message))
            return
        if data:
            self._take(data)

    def reached(self, until: Collection[Stage]) -> StagePassed | None:
        """Return the stage of `until` that passed in the latest turn, if one did.

        Raises:
            NodeError: when the board got stuck while something is waited for.
        """
        fresh, self._checked = self.stages[self._checked :], len(self.stages)
        for passed in fresh:
            if passed.stage in until:
                return passed
            if until and passed.stage.is_failure:
                raise NodeError(
                    f"console {self.console.name}: {passed.stage}: {passed.text}",
                    hint="the board will not go on by itself; cut its power and look at the card",
                )
        return None

    def transcript(self, seconds: float, reached: StagePassed | None) -> Transcript:
        """Return what was seen."""
        return Transcript(
            stages=tuple(self.stages),
            boots=self.detector.boots,
            bytes_read=self.bytes_read,
            seconds=seconds,
            reached=reached,
        )

    def too_late(self, until: Collection[Stage], timeout_s: float) -> NodeError:
        """Return the error that says how far the board came instead."""
        last = self.stages[-1] if self.stages else None
        came = f"last was {last.stage}: {last.text}" if last else "nothing was recognised"
        return NodeError(
            f"console {self.console.name}: no {' or '.join(sorted(until))} within "
            f"{format_duration(timeout_s)}; {came}",
            hint=None if self.bytes_read else "check the wiring, the speed (--baud) and the power",
        )

    def _take(self, data: bytes) -> None:
        self.bytes_read += len(data)
        if self.log is not None:
            self.log.write(data)
            self.log.flush()
        self.listener(ConsoleOutput(data=data))
        for passed in self.detector.feed(data):
            self.stages.append(passed)
            self.listener(passed)

    def _try_again(self, timeout_s: float) -> None:
        self.sleep(min(RECONNECT_S, timeout_s))
        try:
            self.console.reopen()
        except NodeError:
            return
        self.lost = False
        self.listener(ConsoleBack(console=self.console.name))


def _open_log(path: Path) -> BinaryIO:
    try:
        return path.open("ab")
    except OSError as error:
        raise EdgeError(f"cannot write the log {path}: {error.strerror}") from error


def _post(loop: asyncio.AbstractEventLoop, listener: Listener, event: Event) -> None:
    # The loop is closed when its program ends while a turn is still under way.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(listener, event)
