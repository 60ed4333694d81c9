# SPDX-License-Identifier: Apache-2.0
"""A medium that knows how long its present operation has been taking.

A card that stalls is told by its own progress, not by a clock over the whole job: slow honest
cards take what they take, and only a single request that never comes back is a failure.

Such a request may come back after all. By then its card was reported as failed, so nothing
more is done to it: every operation of a card that was given up fails.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

from flasher.write.medium import Medium, MediumGoneError

_LIMIT_S = 60.0
_NOTICE_S = 5.0
_TIMES_LONGEST = 20


class GivenUpError(MediumGoneError):
    """Nobody waits for this medium any more."""


class WatchedMedium:
    """Passes everything on to `medium` and notes when each operation began."""

    def __init__(self, medium: Medium, now: Callable[[], float] = monotonic) -> None:
        self._medium, self._now = medium, now
        self.name, self.size_bytes, self.is_blank = medium.name, medium.size_bytes, medium.is_blank
        self._longest_s = 0.0
        self._written = self._read = (0, 0.0)
        self._begun: list[float] = []
        self._lock = Lock()
        self._is_given_up = False

    @property
    def stalled_s(self) -> float:
        """Return for how long the oldest operation has been under way."""
        with self._lock:
            return self._stalled_s()

    @property
    def is_given_up(self) -> bool:
        """Return whether every operation fails from now on."""
        return self._is_given_up

    @property
    def notice_s(self) -> float:
        """Return after how long a wait is worth a word."""
        return max(_NOTICE_S, 3 * self._longest_s)

    @property
    def limit_s(self) -> float:
        """Return after how long a wait is given up; slower cards get longer."""
        return max(_LIMIT_S, _TIMES_LONGEST * self._longest_s)

    def give_up_overdue(self) -> float | None:
        """Give up when an operation exceeds the limit; return by then how long it has taken.

        Either that operation has come back before, or it fails whenever it does.
        """
        with self._lock:
            stalled_s = self._stalled_s()
            if stalled_s <= self.limit_s:
                return None
            self._is_given_up = True
            return stalled_s

    def give_up(self) -> None:
        """Have every operation fail from now on, those under way included."""
        with self._lock:
            self._is_given_up = True

    @property
    def write_bytes_per_second(self) -> float:
        """Return how fast single writes were."""
        return self._written[0] / max(self._written[1], 1e-6)

    @property
    def read_bytes_per_second(self) -> float:
        """Return how fast single reads were."""
        return self._read[0] / max(self._read[1], 1e-6)

    def write(self, offset: int, data: memoryview) -> None:
        """Write `data` at `offset`."""
        with self._timed():
            began = self._now()
            self._medium.write(offset, data)
            self._written = _add(self._written, len(data), self._now() - began)

    def read(self, offset: int, into: memoryview) -> None:
        """Fill `into` with what the medium has at `offset`."""
        with self._timed():
            began = self._now()
            self._medium.read(offset, into)
            self._read = _add(self._read, len(into), self._now() - began)

    def flush(self) -> None:
        """Return when everything written is on the medium."""
        with self._timed():
            self._medium.flush()

    def reread_table(self) -> None:
        """Ask the kernel to look at the partition table again."""
        self._medium.reread_table()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = self._now()
        with self._lock:
            self._refuse_if_given_up()
            self._begun.append(began)
        try:
            yield
        finally:
            with self._lock:
                self._begun.remove(began)
                self._longest_s = max(self._longest_s, self._now() - began)
        self._refuse_if_given_up()

    def _stalled_s(self) -> float:
        return self._now() - min(self._begun) if self._begun else 0.0

    def _refuse_if_given_up(self) -> None:
        if self._is_given_up:
            raise GivenUpError(errno.ETIMEDOUT, "nobody waits for it any more")


def _add(sum_: tuple[int, float], size_bytes: int, seconds: float) -> tuple[int, float]:
    return sum_[0] + size_bytes, sum_[1] + seconds
