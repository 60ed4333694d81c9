# SPDX-License-Identifier: Apache-2.0
"""The API server's life: its certificate, its ports, and the change from maintenance on.

The node key stays the same for the life of a card; only the certificate around it changes, so
the fingerprint that the flasher recorded holds in maintenance and afterwards.
"""

import contextlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from edge.config.view import NodeView
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
from edge.pki.certificate import KeyPair, issue_server, make_csr, self_signed_server
from edge.pki.key import fingerprint

MAINTENANCE_NAME = "maintenance-service.talos.dev"
RENEW_AFTER = timedelta(hours=12)


class ApiController(Controller):
    """Serves the API that fits the stage, with a certificate that fits the addresses."""

    name = "runtime.APIController"
    inputs = (kind.MACHINE_CONFIG, kind.NODE_ADDRESS, kind.HOSTNAME_STATUS)
    period_s = 600.0

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._applier = Applier(machine)
        self._server: ApiServer | None = None
        self._trust: TrustServer | None = None
        self._credentials: Credentials | None = None
        self._issued_for: object = None
        self._issued_at = datetime.min.replace(tzinfo=UTC)
        self._announced = ""

    async def reconcile(self) -> None:
        """Renew the certificate when due, and restart the servers when their mode changed."""
        await self._renew()
        if self._server is None or self._server.maintenance != self.machine.in_maintenance:
            await self._serve()
        self._announce()
        await self._serve_trust()

    async def close(self) -> None:
        """Let running calls finish and stop serving."""
        if self._server:
            await self._server.stop()
        if self._trust:
            await self._trust.stop()

    async def _renew(self) -> None:
        now = datetime.now(UTC)
        view = self.machine.active.view if self.machine.active else None
        names = self._names(view)
        wanted = (view, names)
        # A clock that jumped back makes the certificate look issued in the future.
        fresh = timedelta(0) <= now - self._issued_at < RENEW_AFTER
        if self._issued_for == wanted and fresh:
            return
        certificate = await self._issue(view, *names, now)
        cas = view.trusted_cas if view else b""
        self._credentials = Credentials(
            key=self.machine.key, certificate=certificate, client_cas=cas
        )
        self._issued_for, self._issued_at = wanted, now
        spec = {"ips": list(names[1]), "dnsNames": list(names[0]), "fqdn": names[0][0]}
        self.store.put(kind.CERT_SANS, "api", spec, owner=self.name)

    def _names(self, view: NodeView | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        host = self.store.spec(kind.HOSTNAME_STATUS, "hostname").get("hostname") or "localhost"
        addresses = self.store.spec(kind.NODE_ADDRESS, "current").get("addresses", [])
        own = [*own_addresses(addresses), "127.0.0.1", "::1"]
        extra = list(view.cert_sans) if view else []
        names = [host, *(each for each in extra if not _is_address(each))]
        numbers = [*own, *(each for each in extra if _is_address(each))]
        return tuple(dict.fromkeys(names)), tuple(dict.fromkeys(numbers))

    async def _issue(
        self,
        view: NodeView | None,
        dns_names: tuple[str, ...],
        addresses: tuple[str, ...],
        now: datetime,
    ) -> bytes:
        numbers = [ip_address(each) for each in addresses]
        if view is None:
            return self_signed_server(
                self.machine.key,
                common_name=MAINTENANCE_NAME,
                dns_names=dns_names,
                addresses=numbers,
                now=now,
            )
        if view.ca_key:
            return issue_server(
                KeyPair(certificate=view.ca_cert, key=view.ca_key),
                self.machine.key,
                common_name=dns_names[0],
                dns_names=dns_names,
                addresses=numbers,
                now=now,
            )
        csr = make_csr(
            self.machine.key, common_name=dns_names[0], dns_names=dns_names, addresses=numbers
        )
        host = urlsplit(view.endpoint).hostname or ""
        return await request_certificate(
            host, csr=csr, token=view.token, authorities=view.trusted_cas
        )

    async def _serve(self) -> None:
        if self._server:
            self.machine.services.enter("apid", State.STOPPING, "Changing to the configured API")
            await self._server.stop()
            self._server = None
        maintenance = self.machine.in_maintenance
        server = ApiServer(self.machine, self._applier, self._fetch)
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


def _is_address(text: str) -> bool:
    with contextlib.suppress(ValueError):
        ip_address(text)
        return True
    return False
