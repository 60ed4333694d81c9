# SPDX-License-Identifier: Apache-2.0
"""The services of a node."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.empty_pb2 import Empty

from edge.client.call import NodeCalls
from edge.client.model import ServiceStatus


class LifeCalls(NodeCalls):
    """What the node runs."""

    async def services(self) -> list[ServiceStatus]:
        """Return the node's services."""
        answer = await self._call(self._machine.ServiceList, Empty())
        return [_service(info) for message in answer.messages for info in message.services]


def _service(info: Any) -> ServiceStatus:
    return ServiceStatus(
        id=info.id,
        state=info.state,
        healthy=None if info.health.unknown else info.health.healthy,
        message=info.events.events[-1].msg if info.events.events else info.health.last_message,
        since=_moment(info.events.events[-1].ts if info.events.events else info.health.last_change),
        events=tuple((_moment(e.ts), e.state, e.msg) for e in info.events.events),
    )


def _moment(stamp: Any) -> datetime:
    moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    return moment
