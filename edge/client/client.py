# SPDX-License-Identifier: Apache-2.0
"""One node's API as ordinary asynchronous functions, put together from its areas."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge.client.channel import open_channel
from edge.client.container import ContainerCalls
from edge.client.etcd import EtcdCalls
from edge.client.event import EventCalls
from edge.client.file import FileCalls
from edge.client.identity import IdentityCalls
from edge.client.life import LifeCalls
from edge.client.log import LogCalls
from edge.client.machine import MachineCalls
from edge.client.resource import ResourceCalls
from edge.client.stat import StatCalls
from edge.client.trust import Trust


class NodeClient(
    MachineCalls,
    LifeCalls,
    StatCalls,
    LogCalls,
    EventCalls,
    ResourceCalls,
    FileCalls,
    ContainerCalls,
    IdentityCalls,
    EtcdCalls,
):
    """Calls one node through an open channel; make it with `connect`."""


@asynccontextmanager
async def connect(
    node: str, trust: Trust, *, endpoint: str = "", address: str = ""
) -> AsyncIterator[NodeClient]:
    """Open a client for `node`, directly or through another node's `endpoint`.

    `address` is where the node is, when `node` is only what people call it.

    Raises:
        NodeError: when the node cannot be reached.
        TrustError: when it is not the node we want.
    """
    address = address or node
    channel = await open_channel(endpoint or address, trust)
    forwarded = bool(endpoint) and endpoint != address
    client = NodeClient(node, channel, (("node", address),) if forwarded else ())
    try:
        yield client
    finally:
        await client.close()
