# SPDX-License-Identifier: Apache-2.0
"""Runs a thread for every card and waits for them: stalls, ctrl-C and all.

A card's thread may hang in the kernel for as long as its reader likes. Nobody waits for it
longer than `WatchedMedium` allows; the others go on meanwhile. What is said of a card then
stays true: its thread may come back, but its medium takes nothing from it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from edge.errors import FlashError
from edge.events import Listener
from edge.units import format_duration
from flasher.write.event import CardNoted
from flasher.write.fault import UNUSABLE

if TYPE_CHECKING:
    from flasher.write.watch import WatchedMedium

_LOOK_S = 0.25
_FAREWELL_S = 60.0  # what a card in the kernel's hands gets to notice ctrl-C


class CardThread:
    """One card at work; `result` is what came of it, a report or an exception."""

    def __init__(
        self,
        name: str,
        work: Callable[[CardThread], object],
        given_up: Callable[[FlashError], None] = lambda _error: None,
    ) -> None:
        self.name = name
        self.medium: WatchedMedium | None = None
        """Set by the work once the card is open."""
        self.result: object = None
        self._work, self._given_up, self._is_noted = work, given_up, False
        self._lock = Lock()
        # Not `Thread.join`: interrupted by ctrl-C it takes the thread for ended (before 3.13).
        self._has_ended = Event()
        self._is_started = False
        self._thread = Thread(target=self._run, name=f"flash {name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._is_started = True
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the end, if it was begun, but not longer than `timeout_s`."""
        if self._is_started:
            self._has_ended.wait(timeout_s)

    @property
    def is_pending(self) -> bool:
        """Return whether there is no result yet."""
        return self.result is None

    def look(self, listener: Listener) -> FlashError | None:
        """Say when the card stalls; return the error once it has for too long."""
        if self.medium is None:
            return None
        overdue_s = self.medium.give_up_overdue()
        if overdue_s is not None:
            return FlashError(
                f"{self.name} made no progress for {format_duration(overdue_s)}; {UNUSABLE}",
                hint="pull the card, check its reader, then flash it again",
            )
        stalled_s = self.medium.stalled_s
        if stalled_s > self.medium.notice_s and not self._is_noted:
            text = f"no progress for {format_duration(stalled_s)}, waiting"
            listener(CardNoted(card=self.name, text=text))
        self._is_noted = stalled_s > self.medium.notice_s
        return None

    def give_up(self, error: FlashError) -> None:
        """Have `error` as the result, unless there is one; the thread is not waited for."""
        if self._settle(error):
            self._given_up(error)

    def leave(self) -> None:
        """Have the card take nothing more from a thread that did not end in time."""
        if self.is_pending and self.medium is not None:
            self.medium.give_up()

    def _run(self) -> None:
        try:
            result: object = self._work(self)
        except BaseException as error:  # the thread's boundary: whoever waits looks at it
            result = error
        self._settle(result)
        self._has_ended.set()

    def _settle(self, result: object) -> bool:
        with self._lock:
            if self.result is not None:
                return False
            self.result = result
            return True


def wait_for(threads: Sequence[CardThread], *, stopping: Event, listener: Listener) -> None:
    """Return when every card has a result.

    Raises:
        KeyboardInterrupt: when the operator stops the run; every card is told, and has ended or
            was given up by then.
    """
    try:
        for thread in threads:
            thread.start()
        _wait(threads, listener)
    except BaseException:  # a listener that raises stops the run as ctrl-C does
        stopping.set()
        _say_farewell(threads)
        raise


def _say_farewell(threads: Sequence[CardThread]) -> None:
    """Wait for the end of every card, until it takes too long or ctrl-C comes once more."""
    deadline = monotonic() + _FAREWELL_S
    try:
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
    finally:
        for thread in threads:
            thread.leave()


def _wait(threads: Sequence[CardThread], listener: Listener) -> None:
    pending = list(threads)
    while pending:
        pending[0].join(_LOOK_S)
        for thread in pending:
            if error := thread.look(listener):
                thread.give_up(error)
        if any(isinstance(thread.result, KeyboardInterrupt) for thread in threads):
            raise KeyboardInterrupt
        pending = [thread for thread in threads if thread.is_pending]
