# SPDX-License-Identifier: Apache-2.0
"""The network of a board: links up, DHCP where wanted, static addresses, routes, resolvers.

Without a configuration, or for links that it does not name, every Ethernet link runs DHCP.
Addresses belong to one link: of several that a selector fits, the first by name gets them.

What the kernel has is compared with what is wanted, so it does not matter how it came to be: by
an earlier configuration, by a machined that died, by hand. Only what differs is touched.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from edge.errors import NodeError
from edge.node.log import logger
from edge.node.network.announce import announce
from edge.node.network.choice import is_chosen, wanted_routes
from edge.node.network.dhcp.client import DhcpClient
from edge.node.network.dhcp.lease import Lease
from edge.node.network.kept import read_mtus, write_hosts, write_mtus, write_resolvers
from edge.node.network.netlink import Netlink, has_master
from edge.node.network.spec import InterfaceAddress, Route, Specs
from edge.node.resource import kind
from edge.node.resource.store import Store

if TYPE_CHECKING:
    from edge.config.interface import InterfaceView, NetworkView

DHCP_METRIC = 1024
FAREWELL_S = 0.5
"""How long what is to go still stays: whoever asked for that is to have the answer."""
_OWNER = "network.StatusController"
_log = logger("network")


class BoardNetwork:
    """Configures the kernel through netlink; `cables` are the kinds of links that lead outside.

    What is plugged in has no kind of its own. Every other link was made by somebody, such as the
    node's ends of the links of its containers.
    """

    def __init__(
        self, *, cables: Collection[str] = ("",), netlink: Callable[[], Netlink] = Netlink
    ) -> None:
        self._cables = cables
        self._netlink = netlink
        self.clients: dict[str, DhcpClient] = {}
        """The links that ask for a lease, and by what."""
        self._leases: dict[str, Lease] = {}
        self._own_addresses: set[tuple[str, InterfaceAddress]] = set()
        self._own_routes: set[tuple[str, Route]] = set()
        self._view: NetworkView | None = None
        self._lock = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._store: Store | None = None
        self._settling: set[asyncio.Task[None]] = set()

    async def apply(self, view: "NetworkView | None") -> None:
        """Bring every link to what `view` wants.

        Raises:
            NodeError: naming each link that could not be configured; the others are.
        """
        faults = []
        async with self._lock, self._netlink() as netlink:
            self._view = view
            links = await netlink.links()
            await self._stop_dead(links)
            for name in links:
                try:
                    # First, because the kernel takes every later address of a network away with
                    # the first.
                    await self._remove_unwanted(netlink, name, links)
                    await self._configure(netlink, name, links)
                except OSError as error:
                    faults.append(f"link {name}: {error.strerror or error}")
            self._write_names()
        if faults:
            raise NodeError("; ".join(faults))

    async def observe(self, store: Store) -> None:
        """Publish links, addresses, routes and resolvers, and do so again after every lease."""
        self._store = store
        # One after the other: what was seen earlier must not be published later.
        async with self._looking, self._netlink() as netlink:
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
        for settling in self._settling:
            settling.cancel()
        for client in self.clients.values():
            await client.stop()
        self.clients.clear()

    async def _stop_dead(self, links: Specs) -> None:
        # A link that was pulled ends its client, which does not come back by itself.
        for name, client in list(self.clients.items()):
            if name not in links or not client.is_alive:
                await self.clients.pop(name).stop()
                if lease := self._leases.pop(name, None):
                    # It stays until another lease comes, which mostly grants the same address.
                    self._own_addresses.discard((name, lease.address))

    async def _configure(self, netlink: Netlink, name: str, links: Specs) -> None:
        link = links[name]
        if link["type"] == "loopback":
            await netlink.set_up(link["index"])
            return
        wanted = self._wanted(name, links)
        if name in self.clients and not self._wants_dhcp(name, links):
            await self.clients.pop(name).stop()
            self._leases.pop(name, None)
        if not self._is_ours(name, links):
            return
        if wanted is not None and not wanted.up:
            await netlink.set_down(link["index"])
            return
        await self._set_up(netlink, name, link, wanted.mtu if wanted else None)
        if name not in self.clients and self._wants_dhcp(name, links):
            await self._start_dhcp(name)
        await self._add_missing(netlink, name, links)

    async def _set_up(
        self, netlink: Netlink, name: str, link: dict[str, Any], wanted_mtu: int | None
    ) -> None:
        before = read_mtus()
        mtu = wanted_mtu or before.get(name) or link["mtu"]
        if mtu != link["mtu"]:
            write_mtus({name: link["mtu"], **before})
        # Set even on a link that is up: it may be down in the meantime.
        await netlink.set_up(link["index"], mtu if mtu != link["mtu"] else 0)

    async def _remove_unwanted(self, netlink: Netlink, name: str, links: Specs) -> None:
        """Take away what the link is not to have, as far as it is for this node to decide."""
        index = links[name]["index"]
        routes = await self._unwanted_routes(netlink, name, links)
        addresses = await self._unwanted_addresses(netlink, name, links)
        if routes or addresses:
            await asyncio.sleep(FAREWELL_S)
        for route in routes:
            await netlink.remove_route(index, route)
            self._own_routes.discard((name, route))
        for address in addresses:
            await netlink.remove_address(index, address)
            self._own_addresses.discard((name, address))

    async def _unwanted_routes(self, netlink: Netlink, name: str, links: Specs) -> list[Route]:
        wanted = self._routes_of(name, links)
        return [
            route
            for at, route in await netlink.standing_routes(links)
            if at == name
            and route not in wanted
            and self._may_remove(name, links, is_own=(name, route) in self._own_routes)
        ]

    async def _unwanted_addresses(
        self, netlink: Netlink, name: str, links: Specs
    ) -> list[InterfaceAddress]:
        wanted = self._addresses_of(name, links)
        return [
            address
            for at, address in await netlink.standing_addresses(links)
            if at == name
            and address not in wanted
            and self._may_remove(name, links, is_own=(name, address) in self._own_addresses)
        ]

    async def _add_missing(self, netlink: Netlink, name: str, links: Specs) -> None:
        """Add what the link is to have; what the kernel refuses does not hold up the rest."""
        index = links[name]["index"]
        refused: list[OSError] = []
        addresses = await netlink.standing_addresses(links)
        for address in self._addresses_of(name, links):
            with _noting(refused, f"address {address}"):
                if (name, address) not in addresses:
                    await netlink.add_address(index, address)
                    announce(name, address)
                self._own_addresses.add((name, address))
        routes = await netlink.standing_routes(links)
        # Those on the link first: the gateways of others may be found by them alone.
        for route in sorted(self._routes_of(name, links), key=lambda each: bool(each.gateway)):
            with _noting(refused, f"route {route}"):
                if (name, route) not in routes:
                    await netlink.add_route(index, route)
                self._own_routes.add((name, route))
        if refused:
            raise OSError(refused[0].errno, "; ".join(str(each.strerror) for each in refused))

    def _may_remove(self, name: str, links: Specs, *, is_own: bool) -> bool:
        # What a machined before this one leased is better than nothing until there is a lease.
        is_waiting = self._wants_dhcp(name, links) and name not in self._leases
        return is_own or (self._is_ours(name, links) and not is_waiting)

    def _is_ours(self, name: str, links: Specs) -> bool:
        """Say whether the link is an Ethernet link that is to be configured at all."""
        wanted = self._wanted(name, links)
        if wanted is None:
            # What somebody made, such as the bridge of a container network, is not for us.
            is_cable = links[name]["kind"] in self._cables and not has_master(name)
            return links[name]["type"] == "ether" and is_cable
        return links[name]["type"] == "ether" and not wanted.ignore

    def _wants_dhcp(self, name: str, links: Specs) -> bool:
        wanted = self._wanted(name, links)
        if not self._is_ours(name, links) or (wanted is not None and not wanted.up):
            return False
        return wanted is None or wanted.dhcp

    def _addresses_of(self, name: str, links: Specs) -> list[InterfaceAddress]:
        wanted = self._wanted(name, links)
        if not self._is_ours(name, links) or (wanted is not None and not wanted.up):
            return []
        lease = self._leases.get(name) if self._wants_dhcp(name, links) else None
        return [*(wanted.addresses if wanted else ()), *([lease.address] if lease else [])]

    def _routes_of(self, name: str, links: Specs) -> list[Route]:
        wanted = self._wanted(name, links)
        if not self._is_ours(name, links) or (wanted is not None and not wanted.up):
            return []
        routes = wanted_routes(wanted)
        lease = self._leases.get(name) if self._wants_dhcp(name, links) else None
        if lease and (wanted is None or wanted.dhcp_routes):
            metric = (wanted.dhcp_route_metric if wanted else None) or DHCP_METRIC
            routes += [
                Route(destination=destination, gateway=gateway, metric=metric)
                for destination, gateway in lease.routes
            ]
            if lease.gateway:
                routes.append(Route(gateway=lease.gateway, metric=metric))
        return routes

    def _wanted(self, name: str, links: Specs) -> "InterfaceView | None":
        for each in self._view.interfaces if self._view else ():
            if each.name == name or is_chosen(name, each, links):
                return each
        return None

    async def _start_dhcp(self, name: str) -> None:
        hostname = self._view.hostname if self._view else None
        client = DhcpClient(name, hostname or "", self._on_lease)
        await client.start()
        self.clients[name] = client

    async def _on_lease(self, name: str, lease: Lease | None) -> None:
        # The client waits for this; to wait here for somebody who stops it would take long.
        settling = asyncio.create_task(self._settle(name, lease, self.clients.get(name)))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)

    async def _settle(self, name: str, lease: Lease | None, client: DhcpClient | None) -> None:
        async with self._lock:
            if client is None or self.clients.get(name) is not client:
                return  # what it told last, before it was stopped
            self._leases.pop(name, None)
            if lease:
                self._leases[name] = lease
            try:
                await self._use_lease(name)
            except OSError as error:
                _log.warning("%s: not all of the lease is used: %s", name, error.strerror or error)
            try:
                self._write_names()
            except OSError as error:
                _log.warning("%s: names cannot be written: %s", name, error.strerror or error)
        if self._store:
            with suppress(OSError):  # then it is seen when the links are looked at next
                await self.observe(self._store)
        _log.info("%s: %s", name, f"lease {lease.address}" if lease else "lease lost")

    async def _use_lease(self, name: str) -> None:
        async with self._netlink() as netlink:
            links = await netlink.links()
            if name in links:
                await self._remove_unwanted(netlink, name, links)
                await self._add_missing(netlink, name, links)

    def _resolvers(self) -> list[str]:
        configured = list(self._view.nameservers) if self._view else []
        leased = [each for lease in self._leases.values() for each in lease.resolvers]
        return [str(each) for each in configured or leased]

    def _domains(self) -> list[str]:
        configured = set(self._view.search_domains) if self._view else set()
        return sorted(configured | {each.domain for each in self._leases.values() if each.domain})

    def _write_names(self) -> None:
        write_resolvers(self._resolvers(), self._domains())
        write_hosts(self._view.static_hosts if self._view else ())


@contextmanager
def _noting(refused: list[OSError], what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        refused.append(OSError(error.errno, f"{what}: {error.strerror or error}"))
