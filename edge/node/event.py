# SPDX-License-Identifier: Apache-2.0
"""What happened on this node, as upstream's event messages: the last 1000, and live.

Events are kept as the words they were told in and become messages when somebody reads them: a
board tells many before its API serves, and the messages' library takes it long to load.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message

HISTORY = 1000
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEvent:
    """One event: its message's name and fields, a time-ordered identity, and who caused it."""

    id: str
    actor: str
    seconds: float
    name: str
    fields: Mapping[str, Any]

    @property
    def payload(self) -> "Message":
        """Return the message."""
        from edge.api import machine_pb2

        message: Message = getattr(machine_pb2, self.name)(**self.fields)
        return message


class EventBus:
    """A ring of events with live subscribers."""

    def __init__(self) -> None:
        self._history: deque[NodeEvent] = deque(maxlen=HISTORY)
        self._subscribers: set[asyncio.Queue[NodeEvent]] = set()
        self._count = int.from_bytes(os.urandom(2), "big")

    def publish(self, name: str, fields: Mapping[str, Any], *, actor: str = "") -> None:
        """Add an event and hand it to every subscriber.

        `name` is that of a message of upstream's machine API, `fields` are its fields: messages
        in it are mappings, and enumerations the names of their values.
        """
        event = NodeEvent(
            id=self._next_id(), actor=actor, seconds=time.time(), name=name, fields=fields
        )
        self._history.append(event)
        for queue in self._subscribers:
            if queue.full():
                # Whoever does not read loses the oldest, as from the history.
                queue.get_nowait()
            queue.put_nowait(event)

    def history(self) -> list[NodeEvent]:
        """Return the remembered events, oldest first."""
        return list(self._history)

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[NodeEvent]]:
        """Yield a queue of every later event."""
        queue: asyncio.Queue[NodeEvent] = asyncio.Queue(HISTORY)
        self._subscribers.add(queue)
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)

    def _next_id(self) -> str:
        # The xid layout: 4 bytes of time, 5 of machine and process, 3 of counter, base32hex.
        self._count = (self._count + 1) % (1 << 24)
        raw = (
            int(time.time()).to_bytes(4, "big")
            + b"\0\0\0"
            + (os.getpid() & 0xFFFF).to_bytes(2, "big")
            + self._count.to_bytes(3, "big")
        )
        bits = int.from_bytes(raw, "big") << 4
        return "".join(_ALPHABET[bits >> shift & 31] for shift in range(95, -1, -5))
