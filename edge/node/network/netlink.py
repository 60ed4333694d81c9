# SPDX-License-Identifier: Apache-2.0
"""The kernel's network state through netlink, in the textual shape of our resources."""

import errno
import ipaddress
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2.iproute.linux import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

_FAMILIES = {socket.AF_INET: "inet4", socket.AF_INET6: "inet6"}
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_TYPES = {1: "ether", 772: "loopback", 768: "tunnel", 776: "sit"}
_TABLES = {253: "default", 254: "main", 255: "local"}
_PROTOCOLS = {0: "unspec", 2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp"}
_ROUTE_TYPES = {1: "unicast", 2: "local", 3: "broadcast", 5: "multicast"}
_STATES = {
    **{name: name for name in ("unknown", "down", "testing", "dormant", "up")},
    **{"notpresent": "notPresent", "lowerlayerdown": "lowerLayerDown"},
}
PERMANENT = 0x80
# Addresses of the loopback link, from routers (some for ever) and of links alone.
_MADE_UP = frozenset({1, 2, 3})
STATIC = 4
IPV6_METRIC = 1024
"""What the kernel makes of an IPv6 route without a metric."""

Specs = dict[str, dict[str, Any]]
InterfaceAddress = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route as text; without a destination it is the default one."""

    destination: str = ""
    gateway: str = ""
    source: str = ""
    metric: int = 0
    mtu: int = 0

    @property
    def is_ipv6(self) -> bool:
        """Say of which family it is."""
        return ":" in f"{self.destination}{self.gateway}"


class Netlink:
    """One netlink socket; use as an asynchronous context manager.

    Whatever the kernel refuses is an OSError.
    """

    def __init__(self) -> None:
        self._route = AsyncIPRoute()

    async def __aenter__(self) -> "Netlink":
        await self._route.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._route.__aexit__(*details)

    async def links(self) -> Specs:
        """Return the specification of every link by name."""
        with _translated():
            found = await self._route.get_links()
            return {link.get("ifname"): _link(link) async for link in found}

    async def addresses(self, links: Specs) -> Specs:
        """Return the specification of every address by `link/address/length`."""
        names = {link["index"]: name for name, link in links.items()}
        found = {}
        with _translated():
            async for message in await self._route.get_addr():
                spec = _address(message, names.get(message["index"], ""))
                found[f"{spec['linkName']}/{spec['address']}"] = spec
        return found

    async def routes(self, links: Specs) -> Specs:
        """Return the unicast routes of the main table by `family/gateway/destination/priority`."""
        names = {link["index"]: name for name, link in links.items()}
        found = {}
        with _translated():
            async for message in await self._route.get_routes(table=254):
                if message["type"] == 1:
                    spec = _route(message, names)
                    key = (spec["family"], spec["gateway"], spec["dst"], str(spec["priority"]))
                    found["/".join(key)] = spec
        return found

    async def standing_addresses(self, links: Specs) -> set[tuple[str, InterfaceAddress]]:
        """Return the links' addresses that somebody set, and nobody leased or made up."""
        names = {link["index"]: name for name, link in links.items()}
        found = set()
        with _translated():
            async for message in await self._route.get_addr():
                spec = _address(message, names.get(message["index"], ""))
                is_made_up = message.get("proto") in _MADE_UP
                if spec["flags"] == "permanent" and spec["scope"] == "global" and not is_made_up:
                    found.add((spec["linkName"], ipaddress.ip_interface(spec["address"])))
        return found

    async def standing_routes(self, links: Specs) -> set[tuple[str, Route]]:
        """Return the links' routes that somebody set, and not the kernel or a router."""
        names = {link["index"]: name for name, link in links.items()}
        found = set()
        with _translated():
            async for message in await self._route.get_routes(table=254, proto=STATIC):
                name = names.get(message.get("oif") or 0)
                if name and message["proto"] == STATIC and message["type"] == 1:
                    found.add((name, _standing_route(message)))
        return found

    async def set_down(self, index: int) -> None:
        """Take a link down."""
        with _translated():
            await self._route.link("set", index=index, state="down")

    async def set_up(self, index: int, mtu: int = 0) -> None:
        """Bring a link up, with an MTU if one is given."""
        extra = {"mtu": mtu} if mtu else {}
        with _translated():
            await self._route.link("set", index=index, state="up", **extra)

    async def add_address(self, index: int, interface: InterfaceAddress) -> None:
        """Give a link an address; having it already is no error."""
        with _translated():
            await self._route.addr(
                "replace",
                index=index,
                address=str(interface.ip),
                prefixlen=interface.network.prefixlen,
            )

    async def remove_address(self, index: int, interface: InterfaceAddress) -> None:
        """Take an address from a link; not having it is no error."""
        with _translated(but=errno.EADDRNOTAVAIL):
            await self._route.addr(
                "del",
                index=index,
                address=str(interface.ip),
                prefixlen=interface.network.prefixlen,
            )

    async def add_route(self, index: int, route: Route) -> None:
        """Add or replace a route out of a link."""
        with _translated():
            await self._route.route("replace", oif=index, **_route_options(route))

    async def remove_route(self, index: int, route: Route) -> None:
        """Remove a route; its absence is no error."""
        with _translated(but=errno.ESRCH):
            await self._route.route("del", oif=index, **_route_options(route))


def has_master(name: str) -> bool:
    """Say whether a link is a part of another one, such as a bridge."""
    return (Path("/sys/class/net") / name / "master").exists()


@contextmanager
def _translated(*, but: int = 0) -> Iterator[None]:
    """Turn netlink's errors into OSError, since they are errors of the system; `but` is none."""
    try:
        yield
    except NetlinkError as error:
        if error.code != but:
            raise OSError(error.code, str(error.args[-1])) from error


def _route_options(route: Route) -> dict[str, Any]:
    options: dict[str, Any] = {
        "dst": route.destination or ("::/0" if route.is_ipv6 else "0.0.0.0/0"),
        "family": socket.AF_INET6 if route.is_ipv6 else socket.AF_INET,
        "proto": STATIC,
    }
    if route.mtu:
        options["metrics"] = {"mtu": route.mtu}
    given = {"gateway": route.gateway, "prefsrc": route.source, "priority": route.metric}
    return options | {name: value for name, value in given.items() if value}


def _standing_route(message: Any) -> Route:
    metrics = message.get("metrics")
    destination = message.get("dst")
    return Route(
        destination=f"{destination}/{message['dst_len']}" if destination else "",
        gateway=message.get("gateway") or "",
        source=message.get("prefsrc") or "",
        metric=message.get("priority") or 0,
        mtu=(metrics.get("mtu") if metrics else 0) or 0,
    )


def _link(link: Any) -> dict[str, Any]:
    name = link.get("ifname")
    info = link.get("linkinfo") or {}
    return {
        "index": link["index"],
        "type": _TYPES.get(link["ifi_type"], "none"),
        "linkIndex": link.get("link") or 0,
        "flags": link["flags"],
        "hardwareAddr": link.get("address") or "00:00:00:00:00:00",
        "mtu": link.get("mtu") or 0,
        "queueDisc": link.get("qdisc") or "",
        "operationalState": _STATES.get(str(link.get("operstate")).lower(), "unknown"),
        "kind": info.get("kind") or "" if isinstance(info, Mapping) else "",
        "busPath": _bus_path(name),
        "pciID": _pci_id(name),
        "driver": _driver(name),
        "linkState": _has_carrier(name),
    }


def _driver(name: str) -> str:
    link = Path("/sys/class/net") / name / "device/driver"
    return link.resolve().name if link.exists() else ""


def _bus_path(name: str) -> str:
    device = Path("/sys/class/net") / name / "device"
    return device.resolve().name if device.exists() else ""


def _pci_id(name: str) -> str:
    device = Path("/sys/class/net") / name / "device"
    try:
        vendor, product = ((device / part).read_text().strip() for part in ("vendor", "device"))
    except OSError:
        return ""
    return f"{vendor.removeprefix('0x')}:{product.removeprefix('0x')}".upper()


def _has_carrier(name: str) -> bool:
    try:
        return (Path("/sys/class/net") / name / "carrier").read_text().strip() == "1"
    except OSError:
        return False


def _address(message: Any, link: str) -> dict[str, Any]:
    local = message.get("local") or message.get("address")
    spec = {
        "address": f"{message.get('address') or local}/{message['prefixlen']}",
        "local": local,
        "linkIndex": message["index"],
        "linkName": link,
        "family": _FAMILIES.get(message["family"], "unspecified"),
        "scope": _SCOPES.get(message["scope"], "global"),
        "flags": "permanent" if message["flags"] & PERMANENT else "",
        "priority": 0,
    }
    if message.get("broadcast"):
        spec["broadcast"] = message.get("broadcast")
    return spec


def _route(message: Any, names: Mapping[int, str]) -> dict[str, Any]:
    index = message.get("oif") or 0
    length = message["dst_len"]
    spec = {
        "family": _FAMILIES.get(message["family"], "unspecified"),
        "dst": f"{message.get('dst')}/{length}" if message.get("dst") else "",
        "gateway": message.get("gateway") or "",
        "outLinkIndex": index,
        "outLinkName": names.get(index, ""),
        "table": _TABLES.get(message.get("table") or 254, "main"),
        "priority": message.get("priority") or 0,
        "scope": _SCOPES.get(message["scope"], "global"),
        "type": _ROUTE_TYPES.get(message["type"], "unspec"),
        "protocol": _PROTOCOLS.get(message["proto"], "unspec"),
    }
    if message.get("prefsrc"):
        spec["src"] = message.get("prefsrc")
    return spec
