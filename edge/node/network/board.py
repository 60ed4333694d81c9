# SPDX-License-Identifier: Apache-2.0
"""The network of a board: links up, DHCP where wanted, static addresses, routes, resolvers.

Without a configuration, or for links that it does not name, every Ethernet link runs DHCP.
Addresses belong to one link: of several that a selector fits, the first by name gets them.
"""

import asyncio
import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import NodeError
from edge.node.log import logger
from edge.node.network.dhcp import DhcpClient, Lease
from edge.node.network.netlink import InterfaceAddress, Netlink, Route, Specs
from edge.node.resource import kind
from edge.node.resource.store import Store

if TYPE_CHECKING:
    from edge.config.interface import InterfaceView, NetworkView, SelectorView

RESOLV_CONF = Path("/run/edge/resolv.conf")
HOSTS = Path("/run/edge/hosts")
DHCP_METRIC = 1024
_OWNER = "network.StatusController"
_log = logger("network")


class BoardNetwork:
    """Configures the kernel through netlink."""

    def __init__(self) -> None:
        self.clients: dict[str, DhcpClient] = {}
        """The links that ask for a lease, and by what."""
        self._leases: dict[str, Lease] = {}
        self._addresses: set[tuple[str, InterfaceAddress]] = set()
        self._routes: set[tuple[str, Route]] = set()
        self._view: NetworkView | None = None
        self._lock = asyncio.Lock()

    async def apply(self, view: "NetworkView | None") -> None:
        """Bring every link to what `view` wants.

        Raises:
            NodeError: naming each link that could not be configured; the others are.
        """
        faults = []
        async with self._lock, Netlink() as netlink:
            self._view = view
            links = await netlink.links()
            await self._stop_dead(links)
            # First, because the kernel takes every later address of a network away with the first.
            await self._drop_stale(netlink, links)
            for name in links:
                try:
                    await self._configure(netlink, name, links)
                except OSError as error:
                    faults.append(f"link {name}: {error.strerror or error}")
            self._write_names()
        if faults:
            raise NodeError("; ".join(faults))

    async def observe(self, store: Store) -> None:
        """Publish links, addresses, routes and resolvers."""
        async with Netlink() as netlink:
            links = await netlink.links()
            addresses = await netlink.addresses(links)
            routes = await netlink.routes(links)
        store.publish(kind.LINK_STATUS, links, owner=_OWNER)
        store.publish(kind.ADDRESS_STATUS, addresses, owner=_OWNER)
        store.publish(kind.ROUTE_STATUS, routes, owner=_OWNER)
        spec = {"dnsServers": self._resolvers(), "searchDomains": self._domains()}
        store.put(kind.RESOLVER_STATUS, "resolvers", spec, owner=_OWNER)

    async def close(self) -> None:
        """Stop every DHCP client."""
        for client in self.clients.values():
            await client.stop()
        self.clients.clear()

    async def _stop_dead(self, links: Specs) -> None:
        # A link that was pulled or taken down ends its client, which does not come back by itself.
        for name, client in list(self.clients.items()):
            if name not in links or not client.is_alive:
                await self.clients.pop(name).stop()
                self._leases.pop(name, None)

    async def _configure(self, netlink: Netlink, name: str, links: Specs) -> None:
        link = links[name]
        if link["type"] == "loopback":
            await netlink.set_up(link["index"])
            return
        wanted = self._wanted(name, links)
        if link["type"] != "ether" or (wanted is not None and wanted.ignore):
            return
        if wanted is not None and not wanted.up:
            if name in self.clients:
                await self._stop_dhcp(netlink, name, link["index"])
            return
        await netlink.set_up(link["index"], wanted.mtu or 0 if wanted else 0)
        if wanted is None or wanted.dhcp:
            await self._start_dhcp(name)
        elif name in self.clients:
            await self._stop_dhcp(netlink, name, link["index"])
        for address in wanted.addresses if wanted else ():
            await netlink.add_address(link["index"], address)
            self._addresses.add((name, address))
        for route in _routes(wanted):
            await netlink.add_route(link["index"], route)
            self._routes.add((name, route))

    def _wanted(self, name: str, links: Specs) -> "InterfaceView | None":
        for each in self._view.interfaces if self._view else ():
            if each.name == name or _is_chosen(name, each, links):
                return each
        return None

    async def _start_dhcp(self, name: str) -> None:
        if name in self.clients:
            return
        hostname = self._view.hostname if self._view else None
        client = DhcpClient(name, hostname or "", self._on_lease)
        await client.start()
        self.clients[name] = client

    async def _stop_dhcp(self, netlink: Netlink, name: str, index: int) -> None:
        await self.clients.pop(name).stop()
        if lease := self._leases.pop(name, None):
            await netlink.remove_address(index, lease.address)

    async def _drop_stale(self, netlink: Netlink, links: Specs) -> None:
        for name, route in list(self._routes):
            if name not in links or route not in _routes(self._wanted(name, links)):
                self._routes.discard((name, route))
                if name in links:
                    await netlink.remove_route(links[name]["index"], route)
        for name, address in list(self._addresses):
            wanted = self._wanted(name, links) if name in links else None
            if wanted is None or address not in wanted.addresses:
                self._addresses.discard((name, address))
                if name in links:
                    await netlink.remove_address(links[name]["index"], address)

    async def _on_lease(self, name: str, lease: Lease | None) -> None:
        async with Netlink() as netlink:
            links = await netlink.links()
            if name not in links:
                return
            index = links[name]["index"]
            before = self._leases.pop(name, None)
            if before and (lease is None or before.address != lease.address):
                await netlink.remove_address(index, before.address)
            if lease:
                self._leases[name] = lease
                await self._grant(netlink, index, lease)
        _log.info("%s: %s", name, f"lease {lease.address}" if lease else "lease lost")
        self._write_names()

    async def _grant(self, netlink: Netlink, index: int, lease: Lease) -> None:
        await netlink.add_address(index, lease.address)
        if lease.gateway:
            wanted = self._view.interface(lease.link) if self._view else None
            metric = (wanted.dhcp_route_metric if wanted else None) or DHCP_METRIC
            await netlink.add_route(index, Route(gateway=lease.gateway, metric=metric))

    def _resolvers(self) -> list[str]:
        configured = list(self._view.nameservers) if self._view else []
        leased = [each for lease in self._leases.values() for each in lease.resolvers]
        return [str(each) for each in configured or leased]

    def _domains(self) -> list[str]:
        configured = set(self._view.search_domains) if self._view else set()
        return sorted(configured | {each.domain for each in self._leases.values() if each.domain})

    def _write_names(self) -> None:
        RESOLV_CONF.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"nameserver {address}" for address in self._resolvers()]
        if domains := self._domains():
            lines.append(f"search {' '.join(domains)}")
        RESOLV_CONF.write_text("".join(f"{line}\n" for line in lines))
        hosts = ["127.0.0.1 localhost", "::1 localhost"]
        for host in self._view.static_hosts if self._view else ():
            hosts.append(f"{host.address} {' '.join(host.names)}")
        HOSTS.write_text("".join(f"{line}\n" for line in hosts))


def _routes(wanted: "InterfaceView | None") -> list[Route]:
    return [
        Route(
            destination=str(each.destination or ""),
            gateway=str(each.gateway or ""),
            source=str(each.source or ""),
            metric=each.metric or 0,
        )
        for each in (wanted.routes if wanted else ())
    ]


def _is_chosen(name: str, wanted: "InterfaceView", links: Specs) -> bool:
    if wanted.selector is None or not _selects(wanted.selector, links[name]):
        return False
    fitting = [other for other, link in links.items() if _selects(wanted.selector, link)]
    return not wanted.addresses or name == min(fitting)


def _selects(selector: "SelectorView", link: dict[str, Any]) -> bool:
    """Say whether every given field of `selector` fits the link; patterns are shell globs."""
    pairs = (
        (selector.hardware_address, link["hardwareAddr"]),
        (selector.permanent_address, link["hardwareAddr"]),
        (selector.driver, link["driver"]),
        (selector.bus_path, link["busPath"]),
        (selector.pci_id, link["pciID"]),
    )
    given = [(pattern, value) for pattern, value in pairs if pattern]
    if selector.physical is not None and selector.physical != bool(link["busPath"]):
        return False
    return bool(given or selector.physical is not None) and all(
        fnmatch.fnmatchcase(value.lower(), pattern.lower()) for pattern, value in given
    )
