# SPDX-License-Identifier: Apache-2.0
"""Follow a console: its bytes to a listener and logs, its boot stages named, over any replugging.

Plain blocking code without threads; `follow_async` puts it beside other tasks of an event loop.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.errors import BoardFailedError, ConsoleLostError, NodeError, StageTimeoutError
from edge.events import Event, Listener
from edge.provision.console.detect import StageDetector
from edge.provision.console.explain import (
    AWAY,
    NO_ADDRESS,
    explain_noise,
    explain_silence,
    explain_stall,
)
from edge.provision.console.fact import Facts
from edge.provision.console.log import RawLog, TextLog
from edge.provision.console.noise import NoiseMeter
from edge.provision.console.port import POLL_S, Console
from edge.provision.console.stage import Stage, StagePassed
from edge.provision.console.timeline import Timeline
from edge.units import format_duration

RECONNECT_S: Final = 0.5
MAX_STAGES: Final = 4096
MAX_WAITING_EVENTS: Final = 256


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
class ConsoleGarbled(Event):
    """What arrives is no text; `advice` says what to do."""

    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What came out of a console while it was followed."""

    stages: tuple[StagePassed, ...]
    boots: int
    bytes_read: int
    seconds: float
    reached: StagePassed | None
    """The stage that was waited for."""
    timeline: Timeline
    facts: Facts


def _always(_facts: Facts) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a console is followed for, and where what it says is kept.

    A stage in `until` ends it, but only `when` the facts known by then are right. Every byte is
    appended to `log_path`, and lines with times to `text_log_path`.
    """

    until: Collection[Stage] = ()
    when: Callable[[Facts], bool] = _always
    timeout_s: float | None = None
    keep_going: bool = False
    """Past failures that the board may get out of by itself, such as by a watchdog."""
    connect: str = ""
    """Where the board's console is found, for errors."""
    log_path: Path | None = None
    text_log_path: Path | None = None


def follow(
    console: Console,
    listener: Listener,
    aim: Aim = Aim(),
    *,
    stop: Callable[[], bool] = lambda: False,
    detector: StageDetector | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Transcript:
    """Follow `console` until what `aim` says has come, `stop` says so, or time is up.

    `listener` gets ConsoleOutput, StagePassed, FactsLearned, ConsoleLost, ConsoleBack and
    ConsoleGarbled events; a console that goes away is reopened when it is back. Pass the same
    `detector` again to keep counting boots.

    Raises:
        StageTimeoutError: when the stage that is waited for does not come in time.
        ConsoleLostError: the same, and the console is away.
        BoardFailedError: when the board is stuck before it, unless told to keep going.
        EdgeError: when a log cannot be written.
    """
    with ExitStack() as stack:
        started = clock()
        detector = detector or StageDetector()
        follower = _Follower(
            console=console,
            listener=listener,
            detector=detector,
            aim=aim,
            log=stack.enter_context(RawLog(aim.log_path)) if aim.log_path else None,
            text_log=stack.enter_context(TextLog(aim.text_log_path)) if aim.text_log_path else None,
            sleep=sleep,
            clock=clock,
            started_s=detector.start(started),
        )
        follower.note(f"console {console.name} at {console.baud} baud")
        while not stop():
            left = None if aim.timeout_s is None else started + aim.timeout_s - clock()
            if left is not None and left <= 0:
                break
            follower.turn(POLL_S if left is None else min(POLL_S, left))
            if reached := follower.reached():
                return follower.transcript(clock() - started, reached)
        if aim.until and not stop():
            raise follower.too_late()
        return follower.transcript(clock() - started, None)


async def follow_async(
    console: Console,
    listener: Listener,
    aim: Aim = Aim(),
    *,
    detector: StageDetector | None = None,
) -> Transcript:
    """Follow `console` beside other tasks; events arrive in the loop, cancelling ends it.

    When the loop is busy the console is read no further than a few hundred events ahead.

    Raises:
        NodeError, EdgeError: as `follow` does.
    """
    halted = threading.Event()
    mailbox = _Mailbox(asyncio.get_running_loop(), listener, halted)
    try:
        return await asyncio.to_thread(
            follow, console, mailbox.post, aim, stop=halted.is_set, detector=detector
        )
    finally:
        halted.set()


class _Mailbox:
    """Carries events from the thread into the loop, and lets the thread wait for a busy loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listener: Listener, halted: threading.Event
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._halted = halted
        self._room = threading.BoundedSemaphore(MAX_WAITING_EVENTS)

    def post(self, event: Event) -> None:
        while not self._room.acquire(timeout=POLL_S):
            if self._halted.is_set():
                return
        # The loop is closed when its program ends while a turn is still under way.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._deliver, event)

    def _deliver(self, event: Event) -> None:
        self._room.release()
        self._listener(event)


@dataclass(slots=True, kw_only=True)
class _Follower:
    console: Console
    listener: Listener
    detector: StageDetector
    aim: Aim
    log: RawLog | None
    text_log: TextLog | None
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    started_s: float
    bytes_read: int = 0
    lost: bool = False
    timeline: Timeline = field(default_factory=Timeline)
    _stages: deque[StagePassed] = field(default_factory=lambda: deque(maxlen=MAX_STAGES))
    _fresh: list[StagePassed] = field(default_factory=list)
    _noise: NoiseMeter = field(default_factory=NoiseMeter)
    _is_garbled: bool = False

    def turn(self, timeout_s: float) -> None:
        """Read once, or try once to get a lost console back."""
        if self.lost:
            self._try_again(timeout_s)
            return
        try:
            data = self.console.read(timeout_s)
        except NodeError as error:
            self._lose(error)
            return
        if data:
            self._take(data)
        elif self.text_log:
            self.text_log.wait(self._now_s())

    def reached(self) -> StagePassed | None:
        """Return the stage that is waited for if it passed in the latest turn.

        Raises:
            BoardFailedError: when the board got stuck while something is waited for.
        """
        aim, fresh = self.aim, self._fresh
        self._fresh = []
        for passed in fresh:
            if passed.stage in aim.until and aim.when(self.detector.facts):
                return passed
            if aim.until and passed.stage.is_failure and not aim.keep_going:
                raise BoardFailedError(
                    f"console {self.console.name}: {passed.stage}: {passed.text}",
                    hint=passed.advice,
                )
        return None

    def transcript(self, seconds: float, reached: StagePassed | None) -> Transcript:
        """Return what was seen."""
        return Transcript(
            stages=tuple(self._stages),
            boots=self.detector.boots,
            bytes_read=self.bytes_read,
            seconds=seconds,
            reached=reached,
            timeline=self.timeline,
            facts=self.detector.facts,
        )

    def too_late(self) -> NodeError:
        """Return the error that says how far the board came instead."""
        last = self._stages[-1] if self._stages else None
        came = f"last was {last.stage}: {last.text}" if last else "nothing was recognised"
        stages = " or ".join(sorted(self.aim.until))
        missed = f"no {stages} within {format_duration(self.aim.timeout_s or 0.0)}"
        if self.lost:
            return ConsoleLostError(
                f"console {self.console.name} is away; {missed}, {came}", hint=AWAY
            )
        return StageTimeoutError(
            f"console {self.console.name}: {missed}; {came}", hint=self._excuse(last)
        )

    def note(self, text: str) -> None:
        """Write a remark into the text log."""
        if self.text_log:
            self.text_log.note(text, self._now_s())

    def _excuse(self, last: StagePassed | None) -> str | None:
        if self._is_garbled:
            return explain_noise(self.console.baud)
        if not self.bytes_read:
            return explain_silence(self.aim.connect)
        if last is None:
            return None
        if self.detector.facts.state and not self.detector.facts.addresses:
            return NO_ADDRESS
        return last.advice or explain_stall(last.stage, self.detector.family)

    def _take(self, data: bytes) -> None:
        at_s = self._now_s()
        self.bytes_read += len(data)
        if self.log:
            self.log.take(data)
        if self.text_log:
            self.text_log.take(data, at_s)
        self.listener(ConsoleOutput(data=data))
        for event in self.detector.feed(data, at_s):
            if isinstance(event, StagePassed):
                self._stages.append(event)
                self._fresh.append(event)
                self.timeline.add(event)
            self.listener(event)
        self._judge_noise(data)

    def _judge_noise(self, data: bytes) -> None:
        if self._noise.feed(data) and not self._is_garbled:
            self._is_garbled = True
            self.listener(ConsoleGarbled(advice=explain_noise(self.console.baud)))

    def _lose(self, error: NodeError) -> None:
        self.lost = True
        self.console.close()
        self.note(error.message)
        self.listener(ConsoleLost(console=self.console.name, reason=error.message))

    def _try_again(self, timeout_s: float) -> None:
        self.sleep(min(RECONNECT_S, timeout_s))
        try:
            self.console.reopen()
        except NodeError:
            return
        self.lost = False
        self.note(f"console {self.console.name} is back")
        self.listener(ConsoleBack(console=self.console.name))

    def _now_s(self) -> float:
        return self.clock() - self.started_s
