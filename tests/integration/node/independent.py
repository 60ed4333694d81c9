# SPDX-License-Identifier: Apache-2.0
"""A client that others generated from upstream's definitions, on another gRPC library."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from grpclib.client import Channel

from edge.client.trust import Mutual
from edge.provision.lab import API_PORT, LabNode


@asynccontextmanager
async def opened(node: LabNode, context: ssl.SSLContext) -> AsyncIterator[Any]:
    """Open a channel, which the stubs of its services take."""
    context.set_alpn_protocols(["h2"])
    channel = Channel(host=node.address, port=API_PORT, ssl=context)
    try:
        yield channel
    finally:
        connection = channel._protocol and channel._protocol.connection
        transport = getattr(connection, "_transport", None)
        channel.close()
        if isinstance(transport, asyncio.WriteTransport):
            # The library waits for the other end to end TLS, and for ever.
            transport.abort()
            await asyncio.sleep(0)


def blind() -> ssl.SSLContext:
    """Trust whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def mutual(trust: Mutual, folder: Path) -> ssl.SSLContext:
    """Trust the cluster's authority and show a certificate, by way of a file in `folder`."""
    context = ssl.create_default_context(cadata=trust.ca.decode())
    (folder / "client.pem").write_bytes(trust.crt + trust.key)
    context.load_cert_chain(folder / "client.pem")
    return context


def empty() -> Any:
    """Return the message without fields."""
    from betterproto.lib.google import protobuf

    return protobuf.Empty()
