# SPDX-License-Identifier: Apache-2.0
"""The network of a node that has no configuration yet, as META keeps it under 0x0a.

The format is upstream's platform network configuration, of which a name, addresses, routes,
resolvers and DHCP are acted on; other keys are left alone. An entry without a link name is for
the first Ethernet link of the board, whatever that is called there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, TypeVar

from edge.config.interface import (
    Address,
    InterfaceAddress,
    InterfaceView,
    RouteView,
    SelectorView,
    StaticHost,
)
from edge.errors import ConfigError

SOURCE = "metal network"
FIRST_LINK = SelectorView(physical=True)
_LAYER = "platform"
_METRIC = 1024
_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetalNetwork:
    """Name, links and resolvers that a card brings for its node."""

    hostname: str | None = None
    interfaces: tuple[InterfaceView, ...] = ()
    nameservers: tuple[Address, ...] = ()
    search_domains: tuple[str, ...] = ()
    static_hosts: tuple[StaticHost, ...] = ()

    def interface(self, name: str) -> InterfaceView | None:
        """Return the interface of this name, or nothing."""
        return next((item for item in self.interfaces if item.name == name), None)


def render_metal(network: MetalNetwork) -> bytes:
    """Return the value of META for `network`; it is JSON, and so YAML as well."""
    host, _, domain = (network.hostname or "").partition(".")
    named = {"hostname": host, "domainname": domain, "layer": _LAYER}
    servers = [str(each) for each in network.nameservers]
    resolvers = {
        "dnsServers": servers,
        "searchDomains": list(network.search_domains),
        "layer": _LAYER,
    }
    document = {
        "addresses": [
            _address(link, each) for link in network.interfaces for each in link.addresses
        ],
        "links": [_link(link) for link in network.interfaces if link.name],
        "routes": [_route(link, each) for link in network.interfaces for each in link.routes],
        "hostnames": [named] if host else [],
        "resolvers": [resolvers] if servers or network.search_domains else [],
        "operators": [_dhcp(link) for link in network.interfaces if link.dhcp],
    }
    return json.dumps({key: value for key, value in document.items() if value}).encode()


def parse_metal(text: str | bytes) -> MetalNetwork:
    """Read what META keeps.

    Raises:
        ConfigError: when it is no platform network configuration; every fault is listed.
    """
    from edge.config.stream import count_faults, parse_stream

    documents = parse_stream(text, source=SOURCE)
    value = documents[0].value if documents else {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{SOURCE} must be a mapping")
    reader = _Reader(value)
    network = reader.network()
    if reader.faults:
        raise ConfigError(
            f"{SOURCE} has {count_faults(reader.faults)}", faults=tuple(reader.faults)
        )
    return network


def _address(link: InterfaceView, address: InterfaceAddress) -> dict[str, object]:
    return {
        "address": str(address),
        "linkName": link.name,
        "family": f"inet{address.version}",
        "scope": "global",
        "flags": "permanent",
        "layer": _LAYER,
    }


def _link(link: InterfaceView) -> dict[str, object]:
    mtu = {"mtu": link.mtu} if link.mtu else {}
    return {"name": link.name, "logical": False, "up": link.up, **mtu, "layer": _LAYER}


def _route(link: InterfaceView, route: RouteView) -> dict[str, object]:
    near = route.gateway or route.destination
    return {
        "family": f"inet{near.version}" if near else "inet4",
        "dst": str(route.destination or ""),
        "src": str(route.source or ""),
        "gateway": str(route.gateway or ""),
        "outLinkName": link.name,
        "table": "main",
        "priority": route.metric or _METRIC,
        "scope": "global" if route.gateway else "link",
        "type": "unicast",
        "flags": "",
        "protocol": "static",
        "layer": _LAYER,
    }


def _dhcp(link: InterfaceView) -> dict[str, object]:
    return {
        "operator": "dhcp4",
        "linkName": link.name,
        "requireUp": True,
        "dhcp4": {"routeMetric": link.dhcp_route_metric or _METRIC},
        "layer": _LAYER,
    }


class _Reader:
    """Picks out of a document what is acted on, and notes what cannot be read."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.faults: list[str] = []

    def network(self) -> MetalNetwork:
        names = [_full_name(each) for _, each in self._list("hostnames")]
        servers = self._texts("resolvers", "dnsServers")
        return MetalNetwork(
            hostname=next(filter(None, names), None),
            interfaces=tuple(self._interface(name) for name in self._links()),
            nameservers=tuple(
                found for at, text in servers if (found := self._parse(ip_address, text, at))
            ),
            search_domains=tuple(text for _, text in self._texts("resolvers", "searchDomains")),
        )

    def _links(self) -> list[str]:
        sections = ("addresses", "linkName"), ("routes", "outLinkName"), ("operators", "linkName")
        names = [str(each.get("name") or "") for _, each in self._list("links")]
        for section, key in sections:
            names += [str(each.get(key) or "") for _, each in self._list(section)]
        return list(dict.fromkeys(names))

    def _interface(self, name: str) -> InterfaceView:
        link = next((each for _, each in self._of(name, "links", "name")), {})
        operators = [each for _, each in self._of(name, "operators", "linkName")]
        dhcp = next((each for each in operators if each.get("operator") == "dhcp4"), None)
        options = dhcp.get("dhcp4") if dhcp else None
        metric = options.get("routeMetric") if isinstance(options, Mapping) else None
        addresses = [
            self._parse(ip_interface, each.get("address"), f"{at}.address")
            for at, each in self._of(name, "addresses", "linkName")
        ]
        return InterfaceView(
            name=name,
            selector=None if name else FIRST_LINK,
            up=link.get("up") is not False,
            dhcp=dhcp is not None,
            dhcp_route_metric=_number(metric),
            addresses=tuple(each for each in addresses if each),
            routes=tuple(
                self._route(at, each) for at, each in self._of(name, "routes", "outLinkName")
            ),
            mtu=_number(link.get("mtu")),
        )

    def _route(self, at: str, route: Mapping[str, Any]) -> RouteView:
        prefix = self._parse(_network, route.get("dst"), f"{at}.dst")
        return RouteView(
            destination=prefix if prefix and prefix.prefixlen else None,
            gateway=self._parse(ip_address, route.get("gateway"), f"{at}.gateway"),
            source=self._parse(ip_address, route.get("src"), f"{at}.src"),
            metric=_number(route.get("priority")),
        )

    def _parse(self, parser: Callable[[str], _Parsed], value: object, at: str) -> _Parsed | None:
        if value in (None, ""):
            return None
        try:
            return parser(str(value))
        except ValueError:
            self.faults.append(f"{at}: {str(value)!r} cannot be read")
            return None

    def _of(self, name: str, section: str, key: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [(at, each) for at, each in self._list(section) if str(each.get(key) or "") == name]

    def _list(self, section: str) -> list[tuple[str, Mapping[str, Any]]]:
        value = self._document.get(section)
        items = value if isinstance(value, list) else []
        places = [(f"{section}[{at}]", each) for at, each in enumerate(items)]
        return [(at, each) for at, each in places if isinstance(each, Mapping)]

    def _texts(self, section: str, key: str) -> list[tuple[str, str]]:
        return [
            (f"{at}.{key}", str(text))
            for at, each in self._list(section)
            for text in (each.get(key) or ())
        ]


def _full_name(entry: Mapping[str, Any]) -> str:
    parts = (entry.get("hostname"), entry.get("domainname"))
    return ".".join(str(part) for part in parts if part)


def _network(text: str) -> Any:
    return ip_network(text, strict=False)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value else None
