# SPDX-License-Identifier: Apache-2.0
"""Runs a station until it is over: hears disks come and go, its crew, and whoever stops it."""

from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from time import monotonic

from edge.errors import EdgeError
from flasher.device.watch import Action, BlockEvent, Watch
from flasher.station.port import Sighting, poke
from flasher.station.station import Failed, Message, Station

LOOK_EVERY_S = 1.0
"""Also without events: they can be lost, and some readers send none."""
_POLL_S = 0.5


class _Stop:
    """Somebody wants the station to end."""


Letter = Message | _Stop | EdgeError | list[BlockEvent]


class Inbox:
    """What a station is told, from any thread or signal handler, in order."""

    def __init__(self) -> None:
        self._letters: SimpleQueue[Letter] = SimpleQueue()
        self.post: Callable[[Letter], None] = self._letters.put

    def stop(self) -> None:
        """Ask for the end: once to finish what is under way, twice to stop that as well."""
        self.post(_Stop())

    def take(self, timeout_s: float) -> list[Letter]:
        """Return all letters, waiting up to `timeout_s` for the first."""
        try:
            letters = [self._letters.get(timeout=max(0.0, timeout_s))]
        except Empty:
            return []
        while not self._letters.empty():
            letters.append(self._letters.get())
        return letters


def run_station(
    station: Station,
    inbox: Inbox,
    watch: Watch,
    look: Callable[[], Sequence[Sighting]],
    *,
    clock: Callable[[], float] = monotonic,
) -> None:
    """Run `station` until everything is made, or it was stopped and nothing is under way.

    Raises:
        EdgeError: when disks cannot be watched any more.
    """
    ears = _Ears(watch, inbox)
    present = look()
    station.begin(present, clock())
    ears.start(present)
    try:
        looked = clock()
        while not station.is_over:
            wake = min(station.wake_at() or looked + LOOK_EVERY_S, looked + LOOK_EVERY_S)
            letters = inbox.take(wake - clock())
            if _is_time_to_look(letters) or clock() >= looked + LOOK_EVERY_S:
                looked = clock()
                present = look()
                ears.present = present
                station.see(present, looked, removed_in(letters))
            _deliver(letters, station, clock)
            station.tick(clock())
    finally:
        ears.stop()


def removed_in(letters: Iterable[Letter]) -> set[tuple[str, int | None]]:
    """Return the media that events say were pulled."""
    return {
        (event.name, event.diskseq)
        for letter in letters
        if isinstance(letter, list)
        for event in letter
        if event.action is Action.REMOVE
    }


def _is_time_to_look(letters: Iterable[Letter]) -> bool:
    # A job mostly fails because its card was pulled: see that first, and say so.
    return any(isinstance(letter, list | Failed) for letter in letters)


def _deliver(letters: Iterable[Letter], station: Station, clock: Callable[[], float]) -> None:
    for letter in letters:
        if isinstance(letter, EdgeError):
            raise letter
        if isinstance(letter, _Stop):
            station.stop(at_once=station.is_stopping)
        elif not isinstance(letter, list):
            station.hear(letter, clock())


class _Ears:
    """A thread that listens to disks, and asks readers for cards where nobody else does."""

    def __init__(self, watch: Watch, inbox: Inbox) -> None:
        self.present: Sequence[Sighting] = ()
        self._watch, self._inbox, self._ended = watch, inbox, Flag()
        self._thread = Thread(target=self._listen, name="station watch", daemon=True)

    def start(self, present: Sequence[Sighting]) -> None:
        self.present = present
        self._thread.start()

    def stop(self) -> None:
        """End the thread, unless it hangs in a dead reader."""
        self._ended.set()
        self._thread.join(timeout=4 * _POLL_S)

    def _listen(self) -> None:
        try:
            while not self._ended.is_set():
                if events := self._watch.poll(_POLL_S):
                    self._inbox.post(events)
                elif self._watch.source != "udev":
                    self._ask_readers()
        except EdgeError as error:
            self._inbox.post(error)

    def _ask_readers(self) -> None:
        for sighting in self.present:
            if sighting.is_removable:
                poke(sighting)
