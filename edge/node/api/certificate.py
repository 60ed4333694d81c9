# SPDX-License-Identifier: Apache-2.0
"""The certificate that this node serves with: issued, asked for, and renewed in time.

In maintenance a node signs its own; a control plane issues it, a worker has trustd sign one.
Credentials are replaced, never changed: connections that are open go on with what they began
with, new ones get the new one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from edge.node.api.transport import Credentials
from edge.node.log import logger
from edge.node.machine import Machine
from edge.pki.lifetime import SERVER_LIFETIME

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from edge.config.view import NodeView

MAINTENANCE_NAME = "maintenance-service.talos.dev"
SELF_SIGNED_LIFETIME = timedelta(days=7305)
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
    addresses: "tuple[IPv4Address | IPv6Address, ...]"


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
        self._issued_at = self._renew_at = self._not_after = datetime.min.replace(tzinfo=UTC)
        self.current: Credentials | None = None

    def is_due(self, wanted: Wanted) -> bool:
        """Say whether another certificate is needed: for other names, or because of its age."""
        if self._have and self._have.view is None and wanted.view is None:
            # In maintenance nobody asks for names or dates, and a client that has looked at the
            # certificate connects by that very one: it stays whatever the node learns meanwhile.
            return False
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

    async def issue(self, wanted: Wanted) -> None:
        """Make what certificate this node can make by itself."""
        view = wanted.view
        if view is None:
            await self._sign(wanted.names, b"")
        elif view.ca_key:
            self._issue(view, wanted)
        elif self.current and _is_good_for(view, self.current.certificate):
            # An authority came or went: callers are judged by the new list at once, and the
            # certificate serves until trustd has answered.
            self._take(self.current.certificate, self._not_after, view.trusted_cas)
        else:
            # Until trustd answers: closed to strangers at once, open to nobody yet.
            await self._sign(wanted.names, view.trusted_cas)

    async def ask(self, view: "NodeView", names: Names, hosts: Iterable[str]) -> None:
        """Have the trustd of one of `hosts` sign a certificate, the first of them to answer.

        Raises:
            NodeError: when none of them does.
        """
        from edge.node.api import cluster_certificate

        asked = await cluster_certificate.ask(view, self._machine.key, names, hosts)
        self._take(asked.certificate, asked.not_after, view.trusted_cas)

    def settle(self, wanted: Wanted) -> None:
        """Note that the present certificate is what was wanted, and when to renew it."""
        now = self._clock()
        left = self._not_after - now
        self._have, self._issued_at = wanted, now
        lifetimes = self._lifetimes
        used = left if wanted.view is None else min(lifetimes.renew_after, left / 2)
        self._renew_at = now + max(used, lifetimes.soonest)

    def _issue(self, view: "NodeView", wanted: Wanted) -> None:
        from edge.node.api import cluster_certificate

        lifetimes = self._lifetimes
        issued = cluster_certificate.issue(
            view,
            self._machine.key,
            wanted.names,
            now=self._clock(),
            lifetime=lifetimes.certain if wanted.is_time_certain else lifetimes.doubtful,
        )
        self._take(issued.certificate, issued.not_after, view.trusted_cas)

    async def _sign(self, names: Names, cas: bytes) -> None:
        # Its reader trusts the key, not the dates, but TLS libraries insist on dates: these hold
        # even when this node's clock is wrong.
        built = datetime.fromtimestamp(self._machine.platform.image.build_time, UTC)
        certificate = await self._machine.signer.self_sign(
            self._machine.key,
            common_name=MAINTENANCE_NAME,
            dns_names=names.dns,
            addresses=names.addresses,
            now=built,
            lifetime=SELF_SIGNED_LIFETIME,
        )
        self._take(certificate, built + SELF_SIGNED_LIFETIME, cas)

    def _take(self, certificate: bytes, not_after: datetime, cas: bytes) -> None:
        if self.current and self.current.certificate != certificate:
            expiry = not_after.strftime("%Y-%m-%dT%H:%M:%SZ")
            _log.info("new connections see a certificate that is good until %s", expiry)
        self._not_after = not_after
        self.current = Credentials(key=self._machine.key, certificate=certificate, client_cas=cas)


def _is_good_for(view: "NodeView", certificate: bytes) -> bool:
    # A node in maintenance has no use for what knows about clusters, and it takes long to load.
    from edge.node.api import cluster_certificate

    return cluster_certificate.is_good_for(view, certificate)
