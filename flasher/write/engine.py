# SPDX-License-Identifier: Apache-2.0
"""Runs a thread for every card and waits for them: stalls, ctrl-C and all.

A card's thread may hang in the kernel for as long as its reader likes. Nobody waits for it
longer than `WatchedMedium` allows; the others go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from edge.errors import FlashError
from edge.events import Listener
from edge.units import format_duration
from flasher.write.card import UNUSABLE
from flasher.write.event import CardNoted

if TYPE_CHECKING:
    from flasher.write.watch import WatchedMedium

_LOOK_S = 0.25
_FAREWELL_S = 60.0  # what a card in the kernel's hands gets to notice ctrl-C


class CardThread:
    """One card at work; `result` is what came of it, a report or an exception."""

    def __init__(self, name: str, work: Callable[[CardThread], object]) -> None:
        self.name = name
        self.medium: WatchedMedium | None = None
        """Set by the work once the card is open."""
        self.result: object = None
        self._work, self._is_noted = work, False
        self._thread = Thread(target=self._run, name=f"flash {name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the end, but not longer than `timeout_s`."""
        self._thread.join(timeout_s)

    @property
    def is_pending(self) -> bool:
        """Return whether there is no result yet."""
        return self.result is None

    def look(self, listener: Listener) -> FlashError | None:
        """Say when the card stalls; return the error once it has for too long."""
        if self.medium is None:
            return None
        stalled_s = self.medium.stalled_s
        if stalled_s > self.medium.limit_s:
            return FlashError(
                f"{self.name} made no progress for {format_duration(stalled_s)}; {UNUSABLE}",
                hint="pull the card, check its reader, then flash it again",
            )
        if stalled_s > self.medium.notice_s and not self._is_noted:
            text = f"no progress for {format_duration(stalled_s)}, waiting"
            listener(CardNoted(card=self.name, text=text))
        self._is_noted = stalled_s > self.medium.notice_s
        return None

    def _run(self) -> None:
        try:
            result: object = self._work(self)
        except BaseException as error:  # the thread's boundary: whoever waits looks at it
            result = error
        if self.is_pending:
            self.result = result


def wait_for(threads: Sequence[CardThread], *, stopping: Event, listener: Listener) -> None:
    """Return when every card has a result.

    Raises:
        KeyboardInterrupt: when the operator stops the run; every card is told, and has ended or
            was given up by then.
    """
    for thread in threads:
        thread.start()
    try:
        _wait(threads, listener)
    except KeyboardInterrupt:
        stopping.set()
        deadline = monotonic() + _FAREWELL_S
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
        raise


def _wait(threads: Sequence[CardThread], listener: Listener) -> None:
    pending = list(threads)
    while pending:
        pending[0].join(_LOOK_S)
        for thread in pending:
            if error := thread.look(listener):
                thread.result = error
        if any(isinstance(thread.result, KeyboardInterrupt) for thread in threads):
            raise KeyboardInterrupt
        pending = [thread for thread in threads if thread.is_pending]
