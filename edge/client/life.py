# SPDX-License-Identifier: Apache-2.0
"""The services of a node, its META, its health, its upgrade and the way back."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from edge.api import cluster_pb2, cluster_pb2_grpc, machine_pb2
from edge.client.call import APPLY_TIMEOUT_S, NodeCalls
from edge.client.model import ServiceStatus
from edge.client.report import UpgradeOrder

_SERVICE_TIMEOUT_S = 60.0
_HEALTH_GRACE_S = 30.0


class LifeCalls(NodeCalls):
    """What the node runs, and what keeps it going."""

    async def services(self) -> list[ServiceStatus]:
        """Return the node's services."""
        answer = await self._call(self._machine.ServiceList, Empty())
        return [_service(info) for message in answer.messages for info in message.services]

    async def start_service(self, service: str) -> str:
        """Start a service; return what the node says to that."""
        request = machine_pb2.ServiceStartRequest(id=service)
        return await self._service_call(self._machine.ServiceStart, request)

    async def stop_service(self, service: str) -> str:
        """Stop a service; return what the node says to that."""
        request = machine_pb2.ServiceStopRequest(id=service)
        return await self._service_call(self._machine.ServiceStop, request)

    async def restart_service(self, service: str) -> str:
        """Restart a service; return what the node says to that."""
        request = machine_pb2.ServiceRestartRequest(id=service)
        return await self._service_call(self._machine.ServiceRestart, request)

    async def meta_write(self, key: int, value: bytes) -> None:
        """Store a value in META."""
        request = machine_pb2.MetaWriteRequest(key=key, value=value)
        await self._call(self._machine.MetaWrite, request)

    async def meta_delete(self, key: int) -> None:
        """Remove a value from META."""
        await self._call(self._machine.MetaDelete, machine_pb2.MetaDeleteRequest(key=key))

    async def health(
        self,
        *,
        wait_s: float,
        control_planes: Sequence[str] = (),
        workers: Sequence[str] = (),
    ) -> AsyncIterator[str]:
        """Have the node check the cluster; yield what it says until all is well.

        Without names it checks the members it knows.

        Raises:
            NodeError: when not all was well within `wait_s`.
        """
        duration = Duration()
        duration.FromNanoseconds(int(wait_s * 1e9))
        cluster = cluster_pb2.ClusterInfo(control_plane_nodes=control_planes, worker_nodes=workers)
        request = cluster_pb2.HealthCheckRequest(wait_timeout=duration, cluster_info=cluster)
        service = self._stub(cluster_pb2_grpc.ClusterServiceStub)
        timeout_s = wait_s + _HEALTH_GRACE_S
        async for progress in self._stream(service.HealthCheck, request, timeout_s=timeout_s):
            if progress.message:
                yield progress.message

    async def upgrade(self, order: UpgradeOrder) -> str:
        """Upgrade the node and return the actor identity of the sequence."""
        modes = machine_pb2.UpgradeRequest.RebootMode
        request = machine_pb2.UpgradeRequest(
            image=order.image,
            preserve=order.preserve,
            stage=order.stage,
            force=order.force,
            reboot_mode=modes.POWERCYCLE if order.powercycle else modes.DEFAULT,
        )
        answer = await self._call(self._machine.Upgrade, request, timeout_s=APPLY_TIMEOUT_S)
        return str(answer.messages[0].actor_id)

    async def rollback(self) -> None:
        """Boot what ran before the last upgrade."""
        await self._call(self._machine.Rollback, machine_pb2.RollbackRequest())

    async def _service_call(self, method: Any, request: Any) -> str:
        answer = await self._call(method, request, timeout_s=_SERVICE_TIMEOUT_S)
        return str(answer.messages[0].resp)


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
