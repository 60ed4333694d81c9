# SPDX-License-Identifier: Apache-2.0
"""ClusterService: a control-plane node checks all nodes of its cluster."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from edge.api import cluster_pb2, cluster_pb2_grpc
from edge.errors import NodeError
from edge.node.api.failure import CallFailed
from edge.node.api.guard import Context
from edge.node.api.pool import Identity
from edge.node.api.target import MOST_TARGETS, is_host, no_host, too_many
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.pki.role import Role

if TYPE_CHECKING:
    from edge.client.client import NodeClient

DEFAULT_WAIT_S = 20 * 60.0
MOST_WAIT_S = 24 * 3600.0
_MEMBERS = "Members.cluster.talos.dev"

# To be answered by the node itself, and with no more rights than whoever may ask for checks.
_METADATA = (("proxyfrom", "health"), ("talos-role", str(Role.READER)))


class HealthService(cluster_pb2_grpc.ClusterServiceServicer):
    """Checks with the identity by which this node speaks to others; `identify` gives it."""

    def __init__(self, machine: Machine, identify: Callable[[], Identity | None]) -> None:
        self._machine = machine
        self._identify = identify

    async def HealthCheck(
        self, request: cluster_pb2.HealthCheckRequest, _context: Context
    ) -> AsyncIterator[cluster_pb2.HealthCheckProgress]:
        """Tell every change until all is well, or time is up."""
        # All that a client needs takes its time to load, and few nodes are ever asked.
        from edge.client.health import check_cluster

        identity = self._identify()
        if identity is None:
            raise NodeError(
                "only control-plane nodes check a cluster; name one, or check with --server=false"
            )
        wait_s = request.wait_timeout.ToNanoseconds() / 1e9 or DEFAULT_WAIT_S
        nodes = self._nodes(request.cluster_info)
        openers = {node: partial(_open, node, identity) for node in nodes}
        async for line in check_cluster(openers, wait_s=min(wait_s, MOST_WAIT_S)):
            yield cluster_pb2.HealthCheckProgress(message=line)

    def _nodes(self, given: cluster_pb2.ClusterInfo) -> list[str]:
        """Return the nodes that the caller names, or those that this one knows."""
        if given.control_plane_nodes or given.worker_nodes:
            return _named(given)
        members = (each.spec for each in self._machine.store.select(_MEMBERS, "cluster"))
        found = [spec["addresses"][0] for spec in members if spec.get("addresses")]
        return list(dict.fromkeys(found)) or [self._own_address()]

    def _own_address(self) -> str:
        current = self._machine.store.spec(kind.NODE_ADDRESS, "current").get("addresses", ())
        if not current:
            raise NodeError("this node has no address yet")
        return str(current[0]).partition("/")[0]


def _named(given: cluster_pb2.ClusterInfo) -> list[str]:
    # As readers may ask for this, they can make the node connect no further than by a call.
    named = list(dict.fromkeys([*given.control_plane_nodes, *given.worker_nodes]))
    if len(named) > MOST_TARGETS:
        raise CallFailed(too_many(len(named)))
    for each in named:
        if not is_host(each):
            raise CallFailed(no_host(each))
    return named


@asynccontextmanager
async def _open(node: str, identity: Identity) -> "AsyncIterator[NodeClient]":
    from edge.client.channel import open_channel
    from edge.client.client import NodeClient
    from edge.client.trust import Mutual

    trust = Mutual(ca=identity.authorities, crt=identity.certificate, key=identity.key)
    client = NodeClient(node, await open_channel(node, trust), _METADATA)
    try:
        yield client
    finally:
        await client.close()
