# SPDX-License-Identifier: Apache-2.0
"""A gRPC channel to one node, trusted in one of three ways, and its errors in our words."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from edge import errors
from edge.client.trust import Mutual, Pinned, Presented, Trust, check_pin, look_at
from edge.pki.key import key_algorithm

API_PORT = 50000
MESSAGE_LIMIT = 32 * 1024 * 1024

_ENDPOINT = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::([0-9]{1,5}))?")

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Also the limit of one attempt to connect, TLS included; the library's own is 20 s.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.enable_http_proxy", 0),
]


@dataclass(frozen=True, slots=True)
class Channel:
    """An open channel; `presented` is the certificate seen where it was not verified by an CA."""

    grpc: grpc.aio.Channel
    presented: Presented | None = None


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


async def open_channel(endpoint: str, trust: Trust) -> Channel:
    """Open a channel to `endpoint`.

    Raises:
        NodeError: when the node cannot be reached.
        TrustError: when it is not the pinned one, or our key cannot be used.
    """
    host, port = split_endpoint(endpoint)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(trust, Mutual):
        return Channel(grpc.aio.secure_channel(target, _mutual(trust), options=_OPTIONS))
    presented = await asyncio.to_thread(look_at, host, port)
    if isinstance(trust, Pinned):
        check_pin(presented, trust, target)
    # The very certificate that was looked at becomes the only root, so nobody can slip in
    # between looking and talking.
    credentials = grpc.ssl_channel_credentials(root_certificates=presented.certificate)
    options = [*_OPTIONS, ("grpc.ssl_target_name_override", presented.name)]
    return Channel(grpc.aio.secure_channel(target, credentials, options=options), presented)


def _mutual(trust: Mutual) -> grpc.ChannelCredentials:
    if not (trust.ca and trust.crt and trust.key):
        raise errors.TrustError(
            "the client configuration has no certificate",
            hint="make one with: edgectl gen config NAME ENDPOINT",
        )
    if key_algorithm(trust.key) == "ed25519":
        raise errors.TrustError(
            "the client key is Ed25519, which this TLS library cannot use",
            hint="edgectl gen config --with-secrets makes one with another key",
        )
    return grpc.ssl_channel_credentials(trust.ca, trust.key, trust.crt)


_TRUST_CODES = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}


@contextmanager
def translated(node: str, *, anonymous: bool = False) -> Iterator[None]:
    """Turn gRPC errors into ours, naming the node; `anonymous` is a call without certificate."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _translate(node, error, anonymous=anonymous) from error


def _translate(node: str, error: grpc.aio.AioRpcError, *, anonymous: bool) -> errors.EdgeError:
    details = error.details() or error.code().name.lower()
    if anonymous and _wants_certificate(details):
        return errors.NodeError(
            f"{node} is configured already: it talks only to who shows a certificate",
            hint="leave out --insecure",
        )
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        first, *faults = details.splitlines()
        return errors.ConfigError(f"{node}: {first}", faults=tuple(f.strip() for f in faults))
    if error.code() in _TRUST_CODES:
        return errors.TrustError(f"{node}: {details}")
    return _node_error(node, error.code(), details)


def _node_error(node: str, code: grpc.StatusCode, details: str) -> errors.NodeError:
    if code is grpc.StatusCode.UNAVAILABLE:
        return errors.NodeError(f"{node} cannot be reached: {_short(details)}", hint=_hint(details))
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.NodeError(f"{node} did not answer in time")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return errors.NodeError(f"{node} cannot do that: {details}")
    return errors.NodeError(f"{node}: {details}")


def _wants_certificate(details: str) -> bool:
    """Say whether the node hung up during the handshake, though it was there a moment ago."""
    endings = ("Socket closed", "Connection reset", "CERTIFICATE_REQUIRED", "BAD_CERTIFICATE")
    return "failed to connect" in details and any(each in details for each in endings)


def _short(details: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return "its certificate is not from this cluster"
    if "lookup failed" in details:
        return "no such host"
    for known in ("Connection refused", "No route to host", "Connection reset", "Socket closed"):
        if known in details:
            return known.lower()
    return details.splitlines()[0]


def _hint(details: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return "a node in maintenance mode wants --insecure; edgectl discover shows which are"
    return "edgectl discover shows the nodes on this network"
