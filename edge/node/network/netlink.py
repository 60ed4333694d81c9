# SPDX-License-Identifier: Apache-2.0
"""The kernel's network state, and what changes it, through one netlink socket."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.node.network.rtnetlink import message as rtnl
from edge.node.network.rtnetlink.channel import Channel
from edge.node.network.spec import (
    MAIN_TABLE,
    STATIC,
    UNICAST,
    InterfaceAddress,
    Route,
    Specs,
    address_spec,
    link_spec,
    route_spec,
    standing_address,
    standing_route,
)

_UP = 0x1
# IFLA_EXT_MASK: RTEXT_FILTER_SKIP_STATS, since counters are most of what a link has to tell.
_SKIP_STATS = 0x8
# RT_SCOPE_UNIVERSE, _LINK and _NOWHERE, which means any of them when a route is to go.
_EVERYWHERE, _ON_LINK, _ANY_SCOPE = 0, 253, 255


class Netlink:
    """One netlink socket; use as an asynchronous context manager.

    Whatever the kernel refuses is an OSError.
    """

    def __init__(self) -> None:
        self._channel = Channel()

    async def __aenter__(self) -> "Netlink":
        self._channel.open()
        return self

    async def __aexit__(self, *details: object) -> None:
        self._channel.close()

    async def links(self) -> Specs:
        """Return the specification of every link by name."""
        return dict(map(link_spec, await self._links()))

    async def addresses(self, links: Specs) -> Specs:
        """Return the specification of every address by `link/address/length`."""
        names = _names(links)
        specs = [address_spec(body, names) for body in await self._addresses()]
        return {f"{spec['linkName']}/{spec['address']}": spec for spec in specs if spec}

    async def routes(self, links: Specs) -> Specs:
        """Return the unicast routes of the main table by `family/gateway/destination/priority`."""
        names = _names(links)
        specs = [route_spec(body, names) for body in await self._routes()]
        return {
            "/".join((spec["family"], spec["gateway"], spec["dst"], str(spec["priority"]))): spec
            for spec in specs
            if spec
        }

    async def standing_addresses(self, links: Specs) -> set[tuple[str, InterfaceAddress]]:
        """Return the links' addresses that somebody set, and nobody leased or made up."""
        names = _names(links)
        found = [standing_address(body, names) for body in await self._addresses()]
        return {each for each in found if each}

    async def standing_routes(self, links: Specs) -> set[tuple[str, Route]]:
        """Return the links' routes that somebody set, and not the kernel or a router."""
        names = _names(links)
        found = [standing_route(body, names) for body in await self._routes()]
        return {each for each in found if each}

    async def set_down(self, index: int) -> None:
        """Take a link down."""
        await self._channel.request(rtnl.NEW_LINK, 0, rtnl.LINK.pack(0, 0, index, 0, _UP))

    async def set_up(self, index: int, mtu: int = 0) -> None:
        """Bring a link up, with an MTU if one is given."""
        body = rtnl.LINK.pack(0, 0, index, _UP, _UP)
        if mtu:
            body += rtnl.write_number(rtnl.LINK_MTU, mtu)
        await self._channel.request(rtnl.NEW_LINK, 0, body)

    async def add_address(self, index: int, interface: InterfaceAddress) -> None:
        """Give a link an address; having it already is no error."""
        body = _address_body(index, interface)
        await self._channel.request(rtnl.NEW_ADDRESS, rtnl.REPLACE_OR_CREATE, body)

    async def remove_address(self, index: int, interface: InterfaceAddress) -> None:
        """Take an address from a link; not having it is no error."""
        with _absent_is_fine(errno.EADDRNOTAVAIL):
            await self._channel.request(rtnl.DELETE_ADDRESS, 0, _address_body(index, interface))

    async def add_route(self, index: int, route: Route) -> None:
        """Add or replace a route out of a link."""
        body = _route_body(index, route, UNICAST, _scope(route))
        await self._channel.request(rtnl.NEW_ROUTE, rtnl.REPLACE_OR_CREATE, body)

    async def remove_route(self, index: int, route: Route) -> None:
        """Remove a route; its absence is no error."""
        with _absent_is_fine(errno.ESRCH):
            await self._channel.request(
                rtnl.DELETE_ROUTE, 0, _route_body(index, route, 0, _ANY_SCOPE)
            )

    async def _links(self) -> list[bytes]:
        body = rtnl.LINK.pack(0, 0, 0, 0, 0) + rtnl.write_number(rtnl.LINK_EXT_MASK, _SKIP_STATS)
        return await self._channel.dump(rtnl.GET_LINK, body)

    async def _addresses(self) -> list[bytes]:
        return await self._channel.dump(rtnl.GET_ADDRESS, rtnl.ADDRESS.pack(0, 0, 0, 0, 0))

    async def _routes(self) -> list[bytes]:
        body = rtnl.ROUTE.pack(0, 0, 0, 0, MAIN_TABLE, 0, 0, 0, 0)
        return await self._channel.dump(rtnl.GET_ROUTE, body)


def has_master(name: str) -> bool:
    """Say whether a link is a part of another one, such as a bridge."""
    return (Path("/sys/class/net") / name / "master").exists()


@contextmanager
def _absent_is_fine(code: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != code:
            raise


def _names(links: Specs) -> dict[int, str]:
    return {link["index"]: name for name, link in links.items()}


def _address_body(index: int, interface: InterfaceAddress) -> bytes:
    packed = interface.ip.packed
    length = interface.network.prefixlen
    if interface.version == 6:
        header = rtnl.ADDRESS.pack(socket.AF_INET6, length, 0, 0, index)
        return header + rtnl.write_attribute(rtnl.ADDRESS_ADDRESS, packed)
    return (
        rtnl.ADDRESS.pack(socket.AF_INET, length, 0, 0, index)
        + rtnl.write_attribute(rtnl.ADDRESS_ADDRESS, packed)
        + rtnl.write_attribute(rtnl.ADDRESS_LOCAL, packed)
    )


def _scope(route: Route) -> int:
    # IPv4 looks for a gateway only among routes of what is nearer, and IPv6 has no scopes.
    return _EVERYWHERE if route.gateway or route.is_ipv6 else _ON_LINK


def _route_body(index: int, route: Route, kind: int, scope: int) -> bytes:
    family = socket.AF_INET6 if route.is_ipv6 else socket.AF_INET
    target = ipaddress.ip_network(route.destination) if route.destination else None
    length = target.prefixlen if target else 0
    parts = [
        rtnl.ROUTE.pack(family, length, 0, 0, MAIN_TABLE, STATIC, scope, kind, 0),
        rtnl.write_number(rtnl.ROUTE_LINK, index),
    ]
    if target:
        parts.append(rtnl.write_attribute(rtnl.ROUTE_TO, target.network_address.packed))
    if route.gateway:
        gateway = ipaddress.ip_address(route.gateway).packed
        parts.append(rtnl.write_attribute(rtnl.ROUTE_GATEWAY, gateway))
    if route.source:
        source = ipaddress.ip_address(route.source).packed
        parts.append(rtnl.write_attribute(rtnl.ROUTE_SOURCE, source))
    if route.metric:
        parts.append(rtnl.write_number(rtnl.ROUTE_PRIORITY, route.metric))
    if route.mtu:
        mtu = rtnl.write_number(rtnl.METRIC_MTU, route.mtu)
        parts.append(rtnl.write_attribute(rtnl.ROUTE_METRICS, mtu))
    return b"".join(parts)
