# SPDX-License-Identifier: Apache-2.0
"""A gRPC channel to one node, trusted in one of three ways.

The ordinary way is grpc's own TLS. Where that cannot be, because our key or the node's is
Ed25519, a bridge to OpenSSL takes its place; what is verified and what is said is the same.
"""

import asyncio
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import grpc

from edge import errors
from edge.client.bridge import Bridge
from edge.client.fault import configured_already, hung_up, timed_out, translated
from edge.client.tls import dial, look
from edge.client.trust import (
    CONNECT_TIMEOUT_S,
    Mutual,
    Pinned,
    Presented,
    Trust,
    check_pin,
)

__all__ = ["API_PORT", "Channel", "open_channel", "split_endpoint", "translated"]

API_PORT = 50000
MESSAGE_LIMIT = 32 * 1024 * 1024
_LISTENING_S = 3.0

_ENDPOINT = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::([0-9]{1,5}))?")

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Also the limit of one attempt to connect, TLS included; the library's own is 20 s.
    ("grpc.min_reconnect_backoff_ms", round(CONNECT_TIMEOUT_S * 1000)),
    # A node that restarted answers the next call, not one some seconds later.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
]

# We give up a moment before grpc does, which would look like a refusal.
_MARGIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Channel:
    """An open channel; `presented` is the certificate seen where it was not verified by a CA."""

    grpc: grpc.aio.Channel
    presented: Presented | None = None
    bridge: Bridge | None = None

    def fault(self) -> errors.EdgeError | None:
        """Return why there is no connection, where more is known than grpc says."""
        return self.bridge.fault if self.bridge else None

    async def close(self) -> None:
        """End every call, and the connection."""
        try:
            await self.grpc.close()
        finally:
            if self.bridge:
                await self.bridge.close()


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Return host and port of "host", "host:port", "[v6]" or "[v6]:port".

    Raises:
        NodeError: when it is none of these.
    """
    if endpoint.count(":") > 1 and not endpoint.startswith("["):
        endpoint = f"[{endpoint}]"
    match = _ENDPOINT.fullmatch(endpoint)
    host, port = (match[1] or match[2], int(match[3] or API_PORT)) if match else ("", 0)
    # What cannot be a name, the resolver would refuse in words of its own.
    is_name = all(0 < len(label) < 64 for label in host.removesuffix(".").split("."))
    if not is_name or not 0 < port < 1 << 16:
        raise errors.NodeError(f"{endpoint!r} is not an address of a node", hint="use HOST[:PORT]")
    return host, port


async def is_listening(endpoint: str) -> bool:
    """Say whether somebody takes connections at `endpoint` within a few seconds.

    Raises:
        NodeError: when it is no address.
    """
    host, port = split_endpoint(endpoint)
    try:
        async with asyncio.timeout(_LISTENING_S):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # a TimeoutError is one, too
        return False
    writer.close()
    return True


async def open_channel(endpoint: str, trust: Trust) -> Channel:
    """Open a channel to `endpoint`; where both sides prove themselves, they have done so then.

    Raises:
        NodeError: when the node cannot be reached.
        TrustError: when it is not the node we want, or it does not want us.
    """
    if isinstance(trust, Mutual):
        return await _open_mutual(endpoint, trust)
    host, port = split_endpoint(endpoint)
    presented = await look(host, port, where=endpoint)
    if isinstance(trust, Pinned):
        check_pin(presented, trust, endpoint)
    if presented.is_ed25519:
        return await _open_bridge(endpoint, trust, presented)
    # The very certificate that was looked at becomes the only root, so nobody can slip in
    # between looking and talking.
    credentials = grpc.ssl_channel_credentials(root_certificates=presented.certificate)
    options = [*_OPTIONS, ("grpc.ssl_target_name_override", presented.name)]
    target = _target(host, port)
    return Channel(grpc.aio.secure_channel(target, credentials, options=options), presented)


async def _open_mutual(endpoint: str, trust: Mutual) -> Channel:
    if not (trust.ca and trust.crt and trust.key):
        raise errors.TrustError(
            "the client configuration has no certificate",
            hint="make one with: edgectl gen config NAME ENDPOINT",
        )
    target = _target(*split_endpoint(endpoint))
    if trust.is_ed25519:
        return await _open_bridge(endpoint, trust)
    channel = Channel(grpc.aio.secure_channel(target, _credentials(trust), options=_OPTIONS))
    if await _connects(channel, endpoint):
        return channel
    # A second opinion: OpenSSL says what is wrong in words, or speaks to the node where grpc
    # does not, as with an Ed25519 certificate.
    return await _open_bridge(endpoint, trust)


async def _open_bridge(endpoint: str, trust: Trust, presented: Presented | None = None) -> Channel:
    host, port = split_endpoint(endpoint)
    bridge = Bridge(endpoint, lambda: dial(host, port, trust, presented, where=endpoint))
    await bridge.open()
    options = [*_OPTIONS, ("grpc.default_authority", _target(host, port))]
    plain = grpc.aio.insecure_channel(bridge.target, options=options)
    channel = Channel(plain, presented, bridge)
    if await _connects(channel, endpoint):
        return channel
    if presented is not None:
        raise configured_already(endpoint)
    ed25519 = isinstance(trust, Mutual) and trust.is_ed25519
    raise bridge.fault or hung_up(endpoint, ed25519=ed25519)


async def _connects(channel: Channel, where: str) -> bool:
    """Connect; close the channel when that does not work."""
    connected = False
    try:
        connected = await _is_ready(channel.grpc, where)
    finally:
        if not connected:
            await channel.close()
    return connected


async def _is_ready(channel: grpc.aio.Channel, where: str) -> bool:
    connectivity = grpc.ChannelConnectivity
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S - _MARGIN_S):
            while (state := channel.get_state(try_to_connect=True)) is not connectivity.READY:
                if state in (connectivity.TRANSIENT_FAILURE, connectivity.SHUTDOWN):
                    return False
                await channel.wait_for_state_change(state)
    except TimeoutError as error:
        raise timed_out(where) from error
    return True


@lru_cache(maxsize=4)
def _credentials(trust: Mutual) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(trust.ca, trust.key, trust.crt)


def _target(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
