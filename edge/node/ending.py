# SPDX-License-Identifier: Apache-2.0
"""How the machine ends, as those hear it who wait for that."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edge.node.boot.supervisor import Request
from edge.node.event import EventBus
from edge.node.sequence import Sequence

NOTICE_S = 0.5
_RESTART = 0x01234567  # what reboot(2) is called with


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something to be done while the API still serves, with the names that its events carry."""

    phase: str
    task: str
    do: Callable[[], Awaitable[None]]


class Ending:
    """A restart, power-off or reset that somebody asked for; a forced one stops nothing first."""

    def __init__(
        self,
        events: EventBus,
        request: Request,
        sequence: str,
        *,
        is_forced: bool = False,
        first: Work | None = None,
    ) -> None:
        self.is_forced, self._first = is_forced, first
        self._request, self._events = request, events
        self._sequence = Sequence(events, sequence, str(uuid.uuid4()))

    @property
    def actor(self) -> str:
        """Return what the events of this ending carry."""
        return self._sequence.actor

    async def begin(self) -> None:
        """Do what comes first, and publish what clients wait for while they can still be told.

        Raises:
            NodeError: when the work fails; it has been told.
        """
        # Whoever asked for the end may only now be starting to follow the events.
        await asyncio.sleep(NOTICE_S)
        if self._first:
            with self._sequence.task(self._first.phase, self._first.task):
                await self._first.do()
        if self._request is Request.REBOOT:
            self._events.publish("RestartEvent", {"cmd": _RESTART}, actor=self.actor)
        self._sequence.start("stopEverything", "stopAllServices")
