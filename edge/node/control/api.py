# SPDX-License-Identifier: Apache-2.0
"""The API server's life: its certificate, its ports, and the change from maintenance on.

The node key stays the same for the life of a card; only the certificate around it changes, so
the fingerprint that the flasher recorded holds in maintenance and afterwards.
"""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge.errors import EdgeError
from edge.node.api.server import API_PORT, MAINTENANCE_PORT, ApiServer
from edge.node.api.transport import Credentials
from edge.node.api.trustd import TrustServer, request_certificate
from edge.node.apply import Applier
from edge.node.control.controller import Controller
from edge.node.control.network import own_addresses
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.node.service import State
from edge.pki.certificate import (
    SERVER_LIFETIME,
    Address,
    KeyPair,
    issue_server,
    make_csr,
    self_signed_server,
)
from edge.pki.key import fingerprint

if TYPE_CHECKING:
    from edge.config.view import NodeView

MAINTENANCE_NAME = "maintenance-service.talos.dev"
RENEW_AFTER = timedelta(hours=12)
SELF_SIGNED_LIFETIME = timedelta(days=7305)
DOUBTFUL_LIFETIME = timedelta(days=365)
"""Of certificates made by a clock that nobody confirmed: it may lag by as long as the board was
without power."""


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


class ApiController(Controller):
    """Serves the API that fits the stage, with a certificate that fits the addresses."""

    name = "runtime.APIController"
    # Of the time, because a clock that was set right may have outrun the certificate.
    inputs = (kind.MACHINE_CONFIG, kind.NODE_ADDRESS, kind.HOSTNAME_STATUS, kind.TIME_STATUS)
    period_s = 600.0

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._applier = Applier(machine)
        self._server: ApiServer | None = None
        self._trust: TrustServer | None = None
        self._credentials: Credentials | None = None
        self._have: Wanted | None = None
        self._issued_at = datetime.min.replace(tzinfo=UTC)
        self._announced = ""

    async def reconcile(self) -> None:
        """Renew the certificate when due, and restart the servers when their mode changed.

        Raises:
            EdgeError: when a port is taken or trustd gives no certificate; what can be served
                is served nevertheless.
        """
        view = self.machine.active.view if self.machine.active else None
        wanted = Wanted(view=view, names=self._names(view), is_time_certain=self._is_time_certain())
        due = self._is_due(wanted)
        if due:
            self._issue_here(wanted)
        if self._server is None or self._server.maintenance != self.machine.in_maintenance:
            await self._serve()
        self._announce()
        await self._serve_trust()
        if due and view and not view.ca_key:
            await self._ask_trustd(view, wanted.names)
        if due:
            self._have, self._issued_at = wanted, datetime.now(UTC)
            self._publish_names(wanted.names)

    async def close(self) -> None:
        """Let running calls finish and stop serving."""
        if self._server:
            await self._server.stop()
        if self._trust:
            await self._trust.stop()

    def _is_due(self, wanted: Wanted) -> bool:
        # A clock that jumped back makes the certificate look issued in the future.
        age = datetime.now(UTC) - self._issued_at
        return self._have != wanted or not timedelta(0) <= age < RENEW_AFTER

    def _names(self, view: "NodeView | None") -> Names:
        host = self.store.spec(kind.HOSTNAME_STATUS, "hostname").get("hostname") or "localhost"
        addresses = self.store.spec(kind.NODE_ADDRESS, "current").get("addresses", [])
        given = [*own_addresses(addresses), "127.0.0.1", "::1", host]
        given += view.cert_sans if view else ()
        if view and view.ca_key:
            # Workers find trustd under the name of the cluster's endpoint.
            given.append(_host_of(view))
        numbers = dict.fromkeys(found for each in given if (found := _address(each)))
        words = dict.fromkeys(each for each in given if each and not _address(each))
        return Names(dns=tuple(words), addresses=tuple(numbers))

    def _publish_names(self, names: Names) -> None:
        spec = {
            "ips": [str(each) for each in names.addresses],
            "dnsNames": list(names.dns),
            "fqdn": names.dns[0],
        }
        self.store.put(kind.CERT_SANS, "api", spec, owner=self.name)

    def _issue_here(self, wanted: Wanted) -> None:
        """Make what certificate this node can make by itself."""
        view, names = wanted.view, wanted.names
        if view is None:
            self._take(self._self_signed(names), b"")
        elif view.ca_key:
            certificate = issue_server(
                KeyPair(certificate=view.ca_cert, key=view.ca_key),
                self.machine.key,
                common_name=names.dns[0],
                dns_names=names.dns,
                addresses=names.addresses,
                now=datetime.now(UTC),
                lifetime=SERVER_LIFETIME if wanted.is_time_certain else DOUBTFUL_LIFETIME,
            )
            self._take(certificate, view.trusted_cas)
        elif self._credentials is None or self._credentials.client_cas != view.trusted_cas:
            # Until trustd answers: closed to strangers at once, open to nobody yet.
            self._take(self._self_signed(names), view.trusted_cas)

    async def _ask_trustd(self, view: "NodeView", names: Names) -> None:
        csr = make_csr(
            self.machine.key,
            common_name=names.dns[0],
            dns_names=names.dns,
            addresses=names.addresses,
        )
        certificate = await request_certificate(
            _host_of(view), csr=csr, token=view.token, authorities=view.trusted_cas
        )
        self._take(certificate, view.trusted_cas)

    def _self_signed(self, names: Names) -> bytes:
        # Its reader trusts the key, not the dates, but TLS libraries insist on dates: these hold
        # even when this node's clock is wrong.
        return self_signed_server(
            self.machine.key,
            common_name=MAINTENANCE_NAME,
            dns_names=names.dns,
            addresses=names.addresses,
            now=datetime.fromtimestamp(self.machine.platform.image.build_time, UTC),
            lifetime=SELF_SIGNED_LIFETIME,
        )

    def _take(self, certificate: bytes, cas: bytes) -> None:
        self._credentials = Credentials(
            key=self.machine.key, certificate=certificate, client_cas=cas
        )

    def _is_time_certain(self) -> bool:
        return bool(self.store.spec(kind.TIME_STATUS, "node").get("synced"))

    async def _serve(self) -> None:
        if self._server:
            self.machine.services.enter("apid", State.STOPPING, "Changing to the configured API")
            await self._server.stop()
            self._server = None
        maintenance = self.machine.in_maintenance
        server = ApiServer(self.machine, self._applier, self._fetch, maintenance=maintenance)
        ports = (API_PORT, MAINTENANCE_PORT) if maintenance else (API_PORT,)
        try:
            await server.start(self.machine.platform.listen, ports)
        except EdgeError as error:
            self.machine.services.enter("apid", State.FAILED, error.message)
            raise
        self._server = server
        self.machine.services.enter("apid", State.RUNNING, f"Serving on port {API_PORT}")
        self.machine.services.judge("apid", healthy=True, message="")

    async def _serve_trust(self) -> None:
        view = self.machine.active.view if self.machine.active else None
        wanted = bool(view and view.ca_key)
        if wanted and self._trust is None:
            trust = TrustServer(self.machine, self._fetch)
            await trust.start(self.machine.platform.listen)
            self._trust = trust
            self.machine.services.enter("trustd", State.RUNNING, "Serving on port 50001")
            self.machine.services.judge("trustd", healthy=True, message="")
        elif not wanted and self._trust:
            await self._trust.stop()
            self._trust = None
            self.machine.services.leave("trustd")

    def _fetch(self) -> Credentials:
        assert self._credentials, "the certificate is issued before serving"
        return self._credentials

    def _announce(self) -> None:
        addresses = self.store.spec(kind.NODE_ADDRESS, "current").get("addresses", [])
        own = own_addresses(addresses)
        stage = "maintenance" if self.machine.in_maintenance else "running"
        pin = fingerprint(self.machine.key)
        text = f"{stage} {','.join(own) or 'without an address'} fingerprint {pin}"
        if text == self._announced:
            return
        self._announced = text
        self.machine.platform.announce(text)
        if self.machine.in_maintenance and own:
            self.machine.platform.announce(
                f"configure with: edgectl apply-config --insecure --nodes {own[0]}"
                f" --cert-fingerprint '{pin}' --file controlplane.yaml"
            )


def _host_of(view: "NodeView") -> str:
    return urlsplit(view.endpoint).hostname or ""


def _address(text: str) -> Address | None:
    with contextlib.suppress(ValueError):
        return ip_address(text)
    return None
