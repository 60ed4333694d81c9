# SPDX-License-Identifier: Apache-2.0
"""The API server's life: its certificate, its ports, and the change from maintenance on.

The node key stays the same for the life of a card; only the certificate around it changes, so
the fingerprint that the flasher recorded holds in maintenance and afterwards.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import cached_property, partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge.errors import EdgeError
from edge.node.api.certificate import (
    Certificates,
    Clock,
    Lifetimes,
    Names,
    Wanted,
    system_clock,
)
from edge.node.api.server import API_PORT, MAINTENANCE_PORT, ApiServer
from edge.node.api.transport import Credentials
from edge.node.control.controller import Controller
from edge.node.control.network import own_addresses
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.node.service import State

if TYPE_CHECKING:
    from edge.config.view import NodeView
    from edge.node.api.gate import Gate
    from edge.node.api.trustd import TrustServer
    from edge.node.apply import Applier

LONGEST_PAUSE_S, SHORTEST_PAUSE_S = 600.0, 0.5
EARLY_ASK_S = 2.0
# Whoever plugs in a console later wants to read where the node waits, too.
REPEAT_S = 30.0
DIAGNOSTIC = "api-certificate"
_MEMBERS = "Members.cluster.talos.dev"


class ApiController(Controller):
    """Serves the API that fits the stage, with a certificate that fits the addresses."""

    name = "runtime.APIController"
    asks_others = True
    # Of the time, because a clock that was set right may have outrun the certificate.
    inputs = (kind.MACHINE_CONFIG, kind.NODE_ADDRESS, kind.HOSTNAME_STATUS, kind.TIME_STATUS)
    outputs = (kind.CERT_SANS,)
    period_s = LONGEST_PAUSE_S

    def __init__(
        self,
        machine: Machine,
        *,
        clock: Clock = system_clock,
        lifetimes: Lifetimes = Lifetimes(),  # noqa: B008 - frozen
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(machine)
        self._clock = clock
        self._lifetimes = lifetimes
        self._server: ApiServer | None = None
        self._trust: TrustServer | None = None
        self._certificates = Certificates(machine, clock=clock, lifetimes=lifetimes)
        self._ticks = ticks
        self._announced = ""
        self._announced_at_s = 0.0

    async def reconcile(self) -> None:
        """Renew the certificate when due, and restart the servers when their mode changed.

        Raises:
            EdgeError: when a port is taken or trustd gives no certificate; what can be served
                is served nevertheless.
        """
        view = self.machine.active.view if self.machine.active else None
        wanted = Wanted(view=view, names=self._names(view), is_time_certain=self._is_time_certain())
        due = self._certificates.is_due(wanted)
        if due:
            await self._certificates.issue(wanted)
        is_member = due and view is not None and not view.ca_key
        has_asked = is_member and self._server is None and await self._ask_early(view, wanted)
        if self._server is None or self._server.maintenance != self.machine.in_maintenance:
            await self._serve()
        self._announce()
        await self._serve_trust()
        if is_member and view and not has_asked:
            await self._ask_trustd(view, wanted)
        if due:
            self._certificates.settle(wanted)
            self.store.remove(kind.DIAGNOSTIC, DIAGNOSTIC)
            self._publish_names(wanted.names)
        # Nobody else would call again in time for a certificate that is short-lived.
        left = self._certificates.seconds_left
        longest = REPEAT_S if self.machine.in_maintenance else LONGEST_PAUSE_S
        self.period_s = min(max(left, SHORTEST_PAUSE_S), longest)

    async def close(self) -> None:
        """Let running calls finish and stop serving."""
        if self._server:
            await self._server.stop()
        if self._trust:
            await self._trust.stop()

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

    async def _ask_early(self, view: "NodeView | None", wanted: Wanted) -> bool:
        """Try for a moment to have the cluster's certificate before anybody calls.

        A worker that comes back would else look like a stranger until trustd has answered.
        """
        assert view, "asked for a configured node"
        try:
            async with asyncio.timeout(EARLY_ASK_S):
                await self._certificates.ask(view, wanted.names, self._trust_hosts(view))
        except (EdgeError, TimeoutError):
            return False
        return True

    async def _ask_trustd(self, view: "NodeView", wanted: Wanted) -> None:
        try:
            await self._certificates.ask(view, wanted.names, self._trust_hosts(view))
        except EdgeError as error:
            is_told = self.store.get(kind.DIAGNOSTIC, DIAGNOSTIC) is not None
            if self._certificates.is_running_out and not is_told:
                self.machine.diagnose(
                    DIAGNOSTIC, f"the API's certificate cannot be renewed: {error.message}"
                )
            raise

    def _trust_hosts(self, view: "NodeView") -> list[str]:
        """Return where a trustd may be: the cluster's endpoint, then every control plane known."""
        members = [each.spec for each in self.store.select(_MEMBERS, "cluster")]
        known = [
            address
            for spec in members
            if spec.get("machineType") == "controlplane"
            for address in spec.get("addresses", ())
        ]
        return list(dict.fromkeys(host for host in (_host_of(view), *known) if host))

    def _is_time_certain(self) -> bool:
        return bool(self.store.spec(kind.TIME_STATUS, "node").get("synced"))

    async def _serve(self) -> None:
        if self._server:
            self.machine.services.enter("apid", State.STOPPING, "Changing to the configured API")
            await self._server.stop()
            self._server = None
        maintenance = self.machine.in_maintenance
        server = ApiServer(
            # Whatever happens until the first call, it is for a server of this mode.
            partial(self._new_gate, maintenance=maintenance),
            self._fetch,
            maintenance=maintenance,
        )
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
            from edge.node.api.trustd import TrustServer

            trust = TrustServer(
                self.machine, self._fetch, clock=self._clock, lifetime=self._lifetimes.certain
            )
            await trust.start(self.machine.platform.listen)
            self._trust = trust
            self.machine.services.enter("trustd", State.RUNNING, "Serving on port 50001")
            self.machine.services.judge("trustd", healthy=True, message="")
        elif not wanted and self._trust:
            await self._trust.stop()
            self._trust = None
            self.machine.services.leave("trustd")

    @cached_property
    def _applier(self) -> "Applier":
        from edge.node.apply import Applier

        # One for all servers: what is being tried goes on when the server changes.
        return Applier(self.machine)

    def _new_gate(self, *, maintenance: bool) -> "Gate":
        from edge.node.api.gate import Gate

        return Gate(self.machine, self._applier, maintenance=maintenance)

    def _fetch(self) -> Credentials:
        assert self._certificates.current, "the certificate is issued before serving"
        return self._certificates.current

    def _announce(self) -> None:
        addresses = self.store.spec(kind.NODE_ADDRESS, "current").get("addresses", [])
        own = own_addresses(addresses)
        stage = "maintenance" if self.machine.in_maintenance else "running"
        pin = self.machine.fingerprint
        card = f" card {self.machine.enrolment.id}" if self.machine.enrolment else ""
        if own:
            self.machine.reachable.set()
        text = f"{stage} {','.join(own) or 'without an address'} fingerprint {pin}{card}"
        silent_s = self._ticks() - self._announced_at_s
        is_known = text == self._announced
        if is_known and not (self.machine.in_maintenance and silent_s >= REPEAT_S):
            return
        self._announced, self._announced_at_s = text, self._ticks()
        self.machine.platform.announce(text)
        if is_known:
            return
        if self.machine.in_maintenance and own:
            self.machine.platform.announce(
                f"configure with: edgectl apply-config --insecure --nodes {own[0]}"
                f" --cert-fingerprint '{pin}' --file controlplane.yaml"
            )


def _host_of(view: "NodeView") -> str:
    return urlsplit(view.endpoint).hostname or ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    with contextlib.suppress(ValueError):
        return ip_address(text)
    return None
