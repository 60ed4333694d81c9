# SPDX-License-Identifier: Apache-2.0
"""What happens on a node."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from edge.api import machine_pb2
from edge.client.call import NodeCalls
from edge.client.model import Happening

_EVENT_PREFIX = "talos/runtime/machine."


def _nothing() -> None:
    pass


class EventCalls(NodeCalls):
    """Events, past and to come."""

    async def events(
        self,
        tail: int = 0,
        *,
        since_id: str = "",
        since_s: int = 0,
        actor: str = "",
        on_ready: Callable[[], None] = _nothing,
    ) -> AsyncIterator[Happening]:
        """Yield the last `tail` events (-1 for all) and every later one.

        Instead of a number, the past can begin after the event `since_id` or `since_s` seconds
        ago; with `actor` only what it caused is told. `on_ready` is called once nothing that
        happens from now on can be missed.
        """
        request = machine_pb2.EventsRequest(
            tail_events=tail, tail_id=since_id, tail_seconds=since_s, with_actor_id=actor
        )
        async for event in self._stream(self._machine.Events, request, timeout_s=None):
            if event.id:
                yield _happening(event)
            else:
                on_ready()


def _happening(event: Any) -> Happening:
    name = event.data.type_url.removeprefix(_EVENT_PREFIX)
    fields = {}
    if name in machine_pb2.DESCRIPTOR.message_types_by_name:
        with suppress(DecodeError):
            fields = MessageToDict(getattr(machine_pb2, name).FromString(event.data.value))
    return Happening(id=event.id, type=name, actor=event.actor_id, fields=fields)
