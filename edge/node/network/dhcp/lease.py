# SPDX-License-Identifier: Apache-2.0
"""What a server grants, read from its packets and checked: servers are strangers."""

import ipaddress
from dataclasses import dataclass

from edge.node.network.dhcp import packet as dhcp
from edge.node.network.dhcp.packet import Packet

INFINITE = 0xFFFFFFFF
FOREVER = float("inf")
DEFAULT_TIME_S = 3600
"""For servers that do not say how long, as other clients have it."""
SHORTEST_TIME_S = 10
_DEFAULT_ROUTE = ipaddress.IPv4Network("0.0.0.0/0")
# RFC 952 and 1123; whatever else it may say would end up in a file of lines.
_IN_DOMAINS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a server granted: address, gateway, other routes, resolvers and domain.

    Routes are pairs of a network and a gateway, which is empty for a network on the link itself.
    """

    link: str
    address: ipaddress.IPv4Interface
    gateway: str = ""
    routes: tuple[tuple[str, str], ...] = ()
    resolvers: tuple[str, ...] = ()
    domain: str = ""


def read_lease(link: str, packet: Packet) -> Lease | None:
    """Return the lease that a packet offers or grants, or nothing when it makes no sense."""
    address = _interface(packet)
    if address is None:
        return None
    gateway, routes = _routes(packet)
    resolvers = [_usable(each) for each in packet.addresses(dhcp.RESOLVER)]
    return Lease(
        link=link,
        address=address,
        gateway=gateway,
        routes=routes,
        resolvers=tuple(each for each in resolvers if each),
        domain=_domain(packet),
    )


def read_times(packet: Packet) -> tuple[float, float, float]:
    """Return after how many seconds to renew, to rebind and to give up.

    Times that a server does not name, or that are not in this order, are one half and seven
    eighths of the lease, as RFC 2131 has it (section 4.4.5).
    """
    granted = packet.time(dhcp.LEASE_TIME)
    if granted == INFINITE:
        return FOREVER, FOREVER, FOREVER
    end = max(DEFAULT_TIME_S if granted is None else granted, SHORTEST_TIME_S)
    renewal = packet.time(dhcp.RENEWAL_TIME) or end * 0.5
    rebinding = packet.time(dhcp.REBINDING_TIME) or end * 0.875
    if not 1 <= renewal <= rebinding <= end:
        renewal, rebinding = end * 0.5, end * 0.875
    return renewal, rebinding, end


def _interface(packet: Packet) -> ipaddress.IPv4Interface | None:
    if not _usable(packet.granted):
        return None
    length = _prefix_length(packet)
    if length is None:
        return None
    interface = ipaddress.IPv4Interface((packet.granted, length))
    network = interface.network
    is_host = length >= 31 or interface.ip not in (
        network.network_address,
        network.broadcast_address,
    )
    return interface if is_host else None


def _prefix_length(packet: Packet) -> int | None:
    """Return the length of the network's prefix, of its class when the server does not say.

    Class C and above is what is left of the address space.
    """
    if dhcp.MASK not in packet.options:
        first = packet.granted[0]
        return 8 if first < 128 else 16 if first < 192 else 24
    mask = int.from_bytes(packet.address(dhcp.MASK))
    length = mask.bit_count()
    is_prefix = mask == (1 << 32) - (1 << 32 - length)
    return length if length and is_prefix else None


def _routes(packet: Packet) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the gateway and the other routes; classless ones replace the routers (RFC 3442)."""
    if dhcp.CLASSLESS_ROUTES not in packet.options:
        routers = [_usable(each) for each in packet.addresses(dhcp.ROUTER)]
        return next((each for each in routers if each), ""), ()
    gateway, routes = "", []
    for network, router in _classless(packet.options[dhcp.CLASSLESS_ROUTES]):
        if network != _DEFAULT_ROUTE:
            routes.append((str(network), router))
        elif not gateway:
            gateway = router
    return gateway, tuple(routes)


def _classless(data: bytes) -> list[tuple[ipaddress.IPv4Network, str]]:
    found = []
    at = 0
    while at < len(data) and data[at] <= 32:
        significant = (data[at] + 7) // 8
        end = at + 1 + significant + 4
        if end > len(data):
            break
        target = data[at + 1 : at + 1 + significant].ljust(4, b"\0")
        router = data[end - 4 : end]
        if router == dhcp.NOWHERE or _usable(router):
            network = ipaddress.IPv4Network((target, data[at]), strict=False)
            found.append((network, _usable(router)))
        at = end
    return found


def _usable(address: bytes) -> str:
    """Return the text of an address that a host may have, or "" for any other."""
    if address[0] in (0, 127) or address[0] >= 224:
        return ""
    return str(ipaddress.IPv4Address(address))


def _domain(packet: Packet) -> str:
    domain = packet.options.get(dhcp.DOMAIN, b"").rstrip(b"\0").decode("ascii", "replace")
    return domain if _IN_DOMAINS.issuperset(domain) else ""
