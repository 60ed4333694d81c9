# SPDX-License-Identifier: Apache-2.0
"""Calls about containers: which there are, what they use, and ending one."""

import signal
from typing import Any

from edge.api import machine_pb2
from edge.node.api.guard import Context
from edge.node.api.missing import found
from edge.node.containerd.client import connect
from edge.node.containerd.container import Row, Usage, find, list_containers, measure
from edge.node.containerd.place import container_place
from edge.node.machine import Machine


class ContainerCalls:
    """The part of MachineService that is about containers."""

    machine: Machine

    async def Containers(
        self, request: machine_pb2.ContainersRequest, _context: Context
    ) -> machine_pb2.ContainersResponse:
        """List the containers of a namespace."""
        place = self._place(request)
        async with connect(place) as containerd:
            rows = await list_containers(containerd, pods=place.pods)
        containers = [_container(row, request.namespace) for row in rows]
        return machine_pb2.ContainersResponse(
            messages=[machine_pb2.Container(containers=containers)]
        )

    async def Stats(
        self, request: machine_pb2.StatsRequest, _context: Context
    ) -> machine_pb2.StatsResponse:
        """Report what the containers of a namespace use."""
        place = self._place(request)
        async with connect(place) as containerd:
            measured = await measure(containerd, pods=place.pods)
        stats = [_stat(row, usage, request.namespace) for row, usage in measured]
        return machine_pb2.StatsResponse(messages=[machine_pb2.Stats(stats=stats)])

    async def Restart(
        self, request: machine_pb2.RestartRequest, context: Context
    ) -> machine_pb2.RestartResponse:
        """Tell a container to end; whoever started it starts it again."""
        place = self._place(request)
        async with found(context), connect(place) as containerd:
            row = find(await list_containers(containerd, pods=place.pods), request.id)
            await containerd.kill(row.internal_id, signal.SIGTERM)
        return machine_pb2.RestartResponse(messages=[machine_pb2.Restart()])

    def _place(self, request: Any) -> Any:
        sockets = self.machine.platform.containerd
        return container_place(sockets, request.namespace, request.driver)


def _container(row: Row, namespace: str) -> machine_pb2.ContainerInfo:
    return machine_pb2.ContainerInfo(
        namespace=namespace,
        id=row.id,
        uid=row.uid,
        internal_id=row.internal_id,
        image=row.image,
        pid=row.pid,
        status=row.status,
        pod_id=row.pod,
        name=row.name,
        network_namespace=row.network_namespace,
    )


def _stat(row: Row, usage: Usage, namespace: str) -> machine_pb2.Stat:
    return machine_pb2.Stat(
        namespace=namespace,
        id=row.id,
        memory_usage=usage.memory_bytes,
        cpu_usage=usage.cpu_ns,
        pod_id=row.pod,
        name=row.name,
    )
