# SPDX-License-Identifier: Apache-2.0
"""Decides whether a card is read back while it is written, by what the card shows.

Some cards read and write at once without loss; on others (one bus, one controller) each read
costs the write stream. Both are tried in turn, a window of written bytes each:

    settle | writing alone | reading too | writing alone | reading too | verdict

After the verdict reading back either trails the writing closely or waits until it is over.
"""

from collections.abc import Callable
from enum import StrEnum
from time import monotonic

from edge.units import MIB

_WINDOW_BYTES = 24 * MIB
_SETTLE_BYTES = 8 * MIB
_LOSS = 0.85  # below this share of the undisturbed rate, reading back disturbs

Now = Callable[[], float]


class Habit(StrEnum):
    """How a card is read back while it is still being written."""

    TRYING = "trying"
    TRAILING = "trailing"
    AFTERWARDS = "afterwards"


class BusyClock:
    """Counts the seconds in which at least one write was under way.

    Rates by it are the card's own: it does not run while the card waits for the image.
    """

    def __init__(self, now: Now = monotonic) -> None:
        self._now = now
        self._seconds, self._since, self._under_way = 0.0, 0.0, 0

    def begin(self) -> None:
        """Note that a write begins."""
        if not self._under_way:
            self._since = self._now()
        self._under_way += 1

    def end(self) -> None:
        """Note that one of the writes ended."""
        self._under_way -= 1
        if not self._under_way:
            self._seconds += self._now() - self._since

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self._seconds + (self._now() - self._since if self._under_way else 0.0)


class Pace:
    """Follows one card's write rate; not safe for threads, its owner has a lock."""

    def __init__(
        self,
        now: Now = monotonic,
        *,
        window_bytes: int = _WINDOW_BYTES,
        habit: Habit = Habit.TRYING,
    ) -> None:
        self.habit = habit
        self._now, self._window_bytes = now, window_bytes
        self._rates: list[float] = []
        self._is_settled = False
        self._bytes, self._since = 0, now()

    @property
    def may_read(self) -> bool:
        """Return whether reading back may go on while writing does."""
        if self.habit is Habit.TRYING:
            return self._is_settled and len(self._rates) % 2 == 1
        return self.habit is Habit.TRAILING

    def wrote(self, size_bytes: int) -> None:
        """Count bytes that just reached the card."""
        if self.habit is not Habit.TRYING:
            return
        self._bytes += size_bytes
        if not self._is_settled:
            if self._bytes >= _SETTLE_BYTES:
                self._is_settled = True
                self._restart()
        elif self._bytes >= self._window_bytes:
            self._rates.append(self._bytes / max(self._now() - self._since, 1e-9))
            self._restart()
            self._judge()

    def _restart(self) -> None:
        self._bytes, self._since = 0, self._now()

    def _judge(self) -> None:
        if len(self._rates) < 4:
            return
        alone, together = sum(self._rates[0::2]), sum(self._rates[1::2])
        self.habit = Habit.TRAILING if together > alone * _LOSS else Habit.AFTERWARDS
