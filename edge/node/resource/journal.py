# SPDX-License-Identifier: Apache-2.0
"""The latest changes of one collection, numbered; every reader remembers how far it has come.

All readers share the same changes, so a slow one costs nothing but its own place, and one that
is overtaken learns that it has missed something.
"""

import asyncio
from collections import deque

from edge.node.resource.resource import Change

LENGTH = 256
FRESH = 32
"""For how many of the latest changes what was derived from them is kept, too."""


class Overrun(LookupError):
    """A reader is so far behind that changes it has not seen are gone."""


class Journal:
    """Changes `start` (the oldest kept) up to `end` (the next one to come)."""

    def __init__(self, length: int = LENGTH) -> None:
        self._changes: deque[Change] = deque(maxlen=length)
        self._waiting: set[asyncio.Future[None]] = set()
        self.end = 0

    @property
    def start(self) -> int:
        """Return the number of the oldest change that is kept."""
        return self.end - len(self._changes)

    @property
    def length(self) -> int:
        """Return how many changes are kept at most."""
        return self._changes.maxlen or 0

    def append(self, change: Change) -> None:
        """Take a change, numbered `end`, and wake everybody who waits for one."""
        self._changes.append(change)
        self.end += 1
        if len(self._changes) > FRESH:
            # Hardly anybody is this far behind, and encoded forms are several times the change.
            self._changes[-FRESH - 1].forget()
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def since(self, position: int) -> list[Change]:
        """Return the changes from number `position` on.

        Raises:
            Overrun: when some of them are no longer kept.
        """
        if position < self.start:
            raise Overrun(position)
        if position >= self.end:
            return []
        return [self._changes[number - self.start] for number in range(position, self.end)]

    async def wait(self, position: int) -> None:
        """Wait until there is a change of number `position`."""
        while self.end <= position:
            arrival = asyncio.get_running_loop().create_future()
            self._waiting.add(arrival)
            try:
                await arrival
            finally:
                self._waiting.discard(arrival)
