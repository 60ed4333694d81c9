# SPDX-License-Identifier: Apache-2.0
"""Connections to other nodes, kept while they are used and let go of afterwards.

Only a control plane has them: it holds the cluster's authority and issues itself the certificate
that lets it speak for others. A worker has none, so nobody can make it call another node.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc

from edge.node.api.failure import CallFailed, Failure
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.pki.role import Role

if TYPE_CHECKING:
    from edge.config.view import NodeView

IDLE_S = 60.0
MOST_IDLE = 256
MOST_LINES = 512
"""Connections at a time, of all calls together: each is a descriptor of this process."""
RENEW_AFTER = timedelta(hours=12)
LIFETIME = timedelta(hours=24)
DOUBTFUL_LIFETIME = timedelta(days=365)
"""Of certificates made by a clock that nobody confirmed."""

_BACKOFF = [
    ("grpc.initial_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 15_000),
    # Also the limit of one attempt to connect, TLS included.
    ("grpc.min_reconnect_backoff_ms", 20_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
]
_FULL = Failure(
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    f"this node is asking {MOST_LINES} nodes already, which is as many as it does at a time",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """How this node proves to others that it may speak for its callers, all PEM."""

    certificate: bytes
    key: bytes = field(repr=False)
    authorities: bytes


class Identities:
    """Issues this node's identity, again when its authority changes and before it expires."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._identity: Identity | None = None
        self._made_for: tuple[bytes, bytes] = (b"", b"")
        self._issued_at = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> Identity | None:
        """Return the identity, which a node without the authority's key does not have."""
        view = self._machine.active.view if self._machine.active else None
        if view is None or not view.ca_key:
            return None
        wanted, now = (view.ca_cert, view.trusted_cas), datetime.now(UTC)
        # A clock that jumped back makes it look issued in the future.
        is_fresh = timedelta(0) <= now - self._issued_at < RENEW_AFTER
        if self._identity is None or wanted != self._made_for or not is_fresh:
            self._identity = self._issue(view, now)
            self._made_for, self._issued_at = wanted, now
        return self._identity

    def _issue(self, view: "NodeView", now: datetime) -> Identity:
        # Only control planes do, and what signs takes long to load.
        from edge.pki.certificate import KeyPair, issue_client

        store = self._machine.store
        is_certain = store.spec(kind.TIME_STATUS, "node").get("synced")
        pair = issue_client(
            KeyPair(certificate=view.ca_cert, key=view.ca_key),
            [Role.IMPERSONATOR],
            now=now,
            common_name=str(store.spec(kind.HOSTNAME_STATUS, "hostname").get("hostname", "")),
            lifetime=LIFETIME if is_certain else DOUBTFUL_LIFETIME,
        )
        return Identity(certificate=pair.certificate, key=pair.key, authorities=view.trusted_cas)


@dataclass(slots=True, eq=False)
class _Line:
    """One connection; `calls` use it right now."""

    key: tuple[str, int]
    identity: Identity
    channel: grpc.aio.Channel
    calls: int = 0
    ending: asyncio.TimerHandle | None = None


class Pool:
    """Connections by target. One that fails backs off, and its calls fail at once meanwhile."""

    def __init__(self, *, port: int, message_limit: int, idle_s: float = IDLE_S) -> None:
        self._options: list[tuple[str, Any]] = [
            *_BACKOFF,
            ("grpc.max_send_message_length", message_limit),
        ]
        self._limit = message_limit
        self._port = port
        self._idle_s = idle_s
        self._lines: dict[tuple[str, int], _Line] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many connections are held."""
        return len(self._lines)

    @asynccontextmanager
    async def line(
        self, target: str, identity: Identity, *, answer_limit: int | None = None
    ) -> AsyncIterator[grpc.aio.Channel]:
        """Lend the channel to `target`, an address or host name without a port.

        Raises:
            CallFailed: when there are too many already.
        """
        line = self._take((target, answer_limit or self._limit), identity)
        line.calls += 1
        try:
            yield line.channel
        finally:
            line.calls -= 1
            if not line.calls:
                self._rest(line)

    async def close(self) -> None:
        """Close all connections; calls that are under way fail."""
        for line in list(self._lines.values()):
            self._drop(line)
        await asyncio.gather(*self._closing)

    def _take(self, key: tuple[str, int], identity: Identity) -> _Line:
        line = self._lines.get(key)
        if line and line.identity is not identity:
            # Calls under way end on the old connection, which closes with the last of them.
            del self._lines[key]
            if not line.calls:
                self._drop(line)
            line = None
        if line is None:
            self._make_room()
            line = _Line(key, identity, self._open(*key, identity))
            self._lines[key] = line
        if line.ending:
            line.ending.cancel()
            line.ending = None
        return line

    def _make_room(self) -> None:
        if len(self._lines) < MOST_LINES:
            return
        if not (resting := self._resting()):
            raise CallFailed(_FULL)
        self._drop(min(resting, key=_ends_at))

    def _resting(self) -> list[_Line]:
        return [each for each in self._lines.values() if each.ending]

    def _open(self, target: str, limit: int, identity: Identity) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(
            identity.authorities, identity.key, identity.certificate
        )
        host = f"[{target}]" if ":" in target else target
        options = [*self._options, ("grpc.max_receive_message_length", limit)]
        return grpc.aio.secure_channel(f"{host}:{self._port}", credentials, options=options)

    def _rest(self, line: _Line) -> None:
        if self._lines.get(line.key) is not line:
            self._drop(line)
            return
        line.ending = asyncio.get_running_loop().call_later(self._idle_s, self._drop, line)
        if len(resting := self._resting()) > MOST_IDLE:
            self._drop(min(resting, key=_ends_at))

    def _drop(self, line: _Line) -> None:
        if line.ending:
            line.ending.cancel()
            line.ending = None
        if self._lines.get(line.key) is line:
            del self._lines[line.key]
        task = asyncio.ensure_future(line.channel.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _ends_at(line: _Line) -> float:
    assert line.ending
    return line.ending.when()
