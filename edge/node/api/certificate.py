# SPDX-License-Identifier: Apache-2.0
"""The certificate that this node serves with: issued, asked for, and renewed in time.

A control plane issues its own, a worker has trustd sign one. Credentials are replaced, never
changed: connections that are open go on with what they began with, new ones get the new one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from edge.errors import EdgeError, NodeError
from edge.node.api.transport import Credentials
from edge.node.api.trustd import request_certificate
from edge.node.log import logger
from edge.node.machine import Machine
from edge.pki.certificate import (
    SERVER_LIFETIME,
    Address,
    KeyPair,
    inspect,
    is_issued_by,
    issue_server,
    make_csr,
    self_signed_server,
    split_bundle,
)

if TYPE_CHECKING:
    from edge.config.view import NodeView

MAINTENANCE_NAME = "maintenance-service.talos.dev"
SELF_SIGNED_LIFETIME = timedelta(days=7305)
_ASKED_AT_ONCE = 16
_log = logger("apid")

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long certificates are for, and how long they are used at most."""

    certain: timedelta = SERVER_LIFETIME
    doubtful: timedelta = timedelta(days=365)
    """Of certificates made by a clock that nobody confirmed: it may lag by as long as the board
    was without power."""
    renew_after: timedelta = timedelta(hours=12)
    soonest: timedelta = timedelta(minutes=1)
    """How long a certificate is used at least: a trustd whose clock lags signs expired ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the certificate is for; the host name comes first."""

    dns: tuple[str, ...]
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Everything that a certificate follows from."""

    view: "NodeView | None"
    names: Names
    is_time_certain: bool


class Certificates:
    """Keeps the credentials of one node's servers good."""

    def __init__(self, machine: Machine, *, clock: Clock, lifetimes: Lifetimes) -> None:
        self._machine = machine
        self._clock = clock
        self._lifetimes = lifetimes
        self._have: Wanted | None = None
        self._issued_at = self._renew_at = datetime.min.replace(tzinfo=UTC)
        self.current: Credentials | None = None

    def is_due(self, wanted: Wanted) -> bool:
        """Say whether another certificate is needed: for other names, or because of its age."""
        # A clock that jumped back makes the certificate look issued in the future.
        return self._have != wanted or not self._issued_at <= self._clock() < self._renew_at

    @property
    def seconds_left(self) -> float:
        """Return how long the present certificate is still to be used."""
        return (self._renew_at - self._clock()).total_seconds()

    @property
    def is_running_out(self) -> bool:
        """Say whether there is no certificate of the cluster's, or less than half of one's life."""
        return self._clock() >= self._renew_at

    def issue(self, wanted: Wanted) -> None:
        """Make what certificate this node can make by itself."""
        view = wanted.view
        if view is None:
            self._take(self._self_signed(wanted.names), b"")
        elif view.ca_key:
            self._take(self._issue(view, wanted), view.trusted_cas)
        elif self.current and self._is_good_for(view):
            # An authority came or went: callers are judged by the new list at once, and the
            # certificate serves until trustd has answered.
            self._take(self.current.certificate, view.trusted_cas)
        else:
            # Until trustd answers: closed to strangers at once, open to nobody yet.
            self._take(self._self_signed(wanted.names), view.trusted_cas)

    async def ask(self, view: "NodeView", names: Names, hosts: Iterable[str]) -> None:
        """Have the trustd of one of `hosts` sign a certificate, the first of them to answer.

        They are asked at once: one that is dead takes its time, and what else there is to do
        for a new configuration waits for this.

        Raises:
            NodeError: when none of them does.
        """
        csr = make_csr(
            self._machine.key,
            common_name=names.dns[0],
            dns_names=names.dns,
            addresses=names.addresses,
        )
        slots = asyncio.Semaphore(_ASKED_AT_ONCE)

        async def attempt(host: str) -> bytes:
            async with slots:
                certificate = await request_certificate(
                    host, csr=csr, token=view.token, authorities=view.trusted_cas
                )
            # While authorities are exchanged it may be the old one or the new one.
            if not _is_signed_by_any(certificate, split_bundle(view.trusted_cas)):
                raise NodeError(f"trustd at {host} signs with an authority that is not ours")
            return certificate

        self._take(await _first([attempt(host) for host in hosts]), view.trusted_cas)

    def settle(self, wanted: Wanted) -> None:
        """Note that the present certificate is what was wanted, and when to renew it."""
        assert self.current, "a certificate was taken before"
        now = self._clock()
        left = inspect(self.current.certificate).not_after - now
        self._have, self._issued_at = wanted, now
        lifetimes = self._lifetimes
        self._renew_at = now + max(min(lifetimes.renew_after, left / 2), lifetimes.soonest)

    def _issue(self, view: "NodeView", wanted: Wanted) -> bytes:
        lifetimes = self._lifetimes
        return issue_server(
            KeyPair(certificate=view.ca_cert, key=view.ca_key),
            self._machine.key,
            common_name=wanted.names.dns[0],
            dns_names=wanted.names.dns,
            addresses=wanted.names.addresses,
            now=self._clock(),
            lifetime=lifetimes.certain if wanted.is_time_certain else lifetimes.doubtful,
        )

    def _self_signed(self, names: Names) -> bytes:
        # Its reader trusts the key, not the dates, but TLS libraries insist on dates: these hold
        # even when this node's clock is wrong.
        return self_signed_server(
            self._machine.key,
            common_name=MAINTENANCE_NAME,
            dns_names=names.dns,
            addresses=names.addresses,
            now=datetime.fromtimestamp(self._machine.platform.image.build_time, UTC),
            lifetime=SELF_SIGNED_LIFETIME,
        )

    def _is_good_for(self, view: "NodeView") -> bool:
        assert self.current
        return _is_signed_by_any(self.current.certificate, split_bundle(view.trusted_cas))

    def _take(self, certificate: bytes, cas: bytes) -> None:
        if self.current and self.current.certificate != certificate:
            expiry = inspect(certificate).not_after.strftime("%Y-%m-%dT%H:%M:%SZ")
            _log.info("new connections see a certificate that is good until %s", expiry)
        self.current = Credentials(key=self._machine.key, certificate=certificate, client_cas=cas)


def _is_signed_by_any(certificate: bytes, authorities: Iterable[bytes]) -> bool:
    return any(is_issued_by(certificate, authority) for authority in authorities)


async def _first(attempts: Sequence[Coroutine[Any, Any, bytes]]) -> bytes:
    """Return what the first attempt that succeeds does; end the others."""
    tasks = [asyncio.create_task(each) for each in attempts]
    refusals: list[str] = []
    try:
        for ended in asyncio.as_completed(tasks):
            try:
                return await ended
            except EdgeError as error:
                refusals.append(error.message)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    raise NodeError("; ".join(refusals) or "there is no trustd to ask")
