# SPDX-License-Identifier: Apache-2.0
"""What happens on a node."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from edge.api import machine_pb2
from edge.client.call import NodeCalls
from edge.client.model import Happening

_EVENT_PREFIX = "talos/runtime/machine."


class EventCalls(NodeCalls):
    """Events, past and to come."""

    async def events(self, tail: int = 0) -> AsyncIterator[Happening]:
        """Yield the last `tail` events (-1 for all) and every later one."""
        request = machine_pb2.EventsRequest(tail_events=tail)
        async for event in self._stream(self._machine.Events, request, timeout_s=None):
            if event.id:
                yield _happening(event)


def _happening(event: Any) -> Happening:
    name = event.data.type_url.removeprefix(_EVENT_PREFIX)
    fields = {}
    if name in machine_pb2.DESCRIPTOR.message_types_by_name:
        with suppress(DecodeError):
            fields = MessageToDict(getattr(machine_pb2, name).FromString(event.data.value))
    return Happening(id=event.id, type=name, actor=event.actor_id, fields=fields)
