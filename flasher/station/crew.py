# SPDX-License-Identifier: Apache-2.0
"""Does the work of a station on cards: a thread a card, which answers by messages."""

from collections.abc import Callable
from threading import Thread
from time import monotonic
from typing import Protocol

from edge.errors import BugError, EdgeError
from edge.events import Event, Listener, Progressed
from flasher.station.event import Phase
from flasher.station.item import Item
from flasher.station.mark import Mark
from flasher.station.port import Sighting
from flasher.station.station import (
    Advanced,
    Checked,
    Failed,
    Finished,
    Job,
    Made,
    Message,
    Remarked,
)
from flasher.write.event import CardNoted, CardProgressed

Post = Callable[[Message], None]
_REPORT_EVERY_S = 0.2
_PHASES = {
    "probe": Phase.PROBING,
    "write": Phase.WRITING,
    "verify": Phase.VERIFYING,
    "rewrite": Phase.WRITING,
}


class Maker(Protocol):
    """Makes one card, and blocks while it does."""

    def check(self, card: Sighting) -> Mark:
        """Look at a card without changing it and return by what it may be known.

        Raises:
            EdgeError: when it may not be written.
        """
        ...

    def flash(self, job: Job, item: Item, listener: Listener) -> Made:
        """Write, verify, record and eject a card; give up soon after `job.stop` is set.

        Raises:
            EdgeError: when it failed, with what state the card is left in.
        """
        ...


class Threads:
    """A crew of threads around a maker."""

    def __init__(self, maker: Maker, post: Post, clock: Callable[[], float] = monotonic) -> None:
        self._maker, self._post, self._clock = maker, post, clock

    def check(self, job: Job) -> None:
        """Begin to look at a card."""
        self._start(job, lambda: Checked(job, self._maker.check(job.card)))

    def flash(self, job: Job, item: Item) -> None:
        """Begin to make a card."""
        teller = Teller(job, self._post, self._clock)
        self._start(
            job,
            lambda: Finished(job, self._maker.flash(job, item, teller.hear)),
        )

    def _start(self, job: Job, work: Callable[[], Message]) -> None:
        # Not waited for at a second kill: a thread may hang in a dead device for minutes.
        name = f"station {job.card.port}"
        Thread(target=self._run, args=(job, work), name=name, daemon=True).start()

    def _run(self, job: Job, work: Callable[[], Message]) -> None:
        try:
            answer = work()
        except EdgeError as error:
            answer = Failed(job, error)
        except OSError as error:
            answer = Failed(job, EdgeError(f"{job.card.path}: {error.strerror or error}"))
        except Exception as error:
            answer = Failed(job, BugError(f"{type(error).__name__}: {error}"))
        self._post(answer)


class Teller:
    """Tells the station how a job goes, a few times a second."""

    def __init__(self, job: Job, post: Post, clock: Callable[[], float]) -> None:
        self._job, self._post, self._clock = job, post, clock
        self._phase: Phase | None = None
        self._began = self._told = 0.0

    def hear(self, event: Event) -> None:
        """Pass on what concerns the slot."""
        if isinstance(event, CardProgressed):
            phase = _PHASES[event.phase]
            self._tell(phase, event.done_bytes, event.total_bytes, event.bytes_per_second)
        elif isinstance(event, Progressed) and event.step in _PHASES:
            self._tell(_PHASES[event.step], event.done_bytes, event.total_bytes, None)
        elif isinstance(event, CardNoted):
            self._post(Remarked(self._job, event.text))

    def _tell(
        self, phase: Phase, done_bytes: int, total_bytes: int, bytes_per_second: float | None
    ) -> None:
        now = self._clock()
        is_new = phase is not self._phase
        if is_new:
            self._phase, self._began = phase, now
        if not is_new and done_bytes < total_bytes and now < self._told + _REPORT_EVERY_S:
            return
        self._told = now
        if bytes_per_second is None:
            bytes_per_second = done_bytes / (now - self._began) if now > self._began else 0.0
        self._post(Advanced(self._job, phase, done_bytes, total_bytes, bytes_per_second))
