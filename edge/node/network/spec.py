# SPDX-License-Identifier: Apache-2.0
"""Links, addresses and routes of rtnetlink in the textual shape of our resources."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.node.network.rtnetlink import message as rtnl

Specs = dict[str, dict[str, Any]]
InterfaceAddress = ipaddress.IPv4Interface | ipaddress.IPv6Interface

FAMILIES = {socket.AF_INET: "inet4", socket.AF_INET6: "inet6"}
UNICAST = 1
STATIC = 4
MAIN_TABLE = 254
IPV6_METRIC = 1024
"""What the kernel makes of an IPv6 route without a metric."""
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_TYPES = {1: "ether", 772: "loopback", 768: "tunnel", 776: "sit"}
_PROTOCOLS = {0: "unspec", 2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp"}
_STATES = ("unknown", "notPresent", "down", "lowerLayerDown", "testing", "dormant", "up")
_UP = 0x1
_PERMANENT = 0x80
# Addresses of the loopback link, from routers (some for ever) and of links alone.
_MADE_UP = frozenset({1, 2, 3})


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

    def __str__(self) -> str:
        way = f" via {self.gateway}" if self.gateway else ""
        return f"{self.destination or 'default'}{way}"


def link_spec(body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the name and the specification of a link."""
    _family, device, index, flags, _change = rtnl.LINK.unpack_from(body)
    found = rtnl.read_attributes(body[rtnl.LINK.size :])
    name = rtnl.text(found, rtnl.LINK_NAME)
    state = rtnl.number(found, rtnl.LINK_STATE)
    return name, {
        "index": index,
        "type": _TYPES.get(device, "none"),
        "linkIndex": rtnl.number(found, rtnl.LINK_LINK),
        "flags": flags,
        "hardwareAddr": _hardware(found.get(rtnl.LINK_ADDRESS, b"")),
        "mtu": rtnl.number(found, rtnl.LINK_MTU),
        "queueDisc": rtnl.text(found, rtnl.LINK_QDISC),
        "operationalState": _STATES[state] if state < len(_STATES) else "unknown",
        "kind": rtnl.text(rtnl.nested(found, rtnl.LINK_INFO), rtnl.INFO_KIND),
        "busPath": _bus_path(name),
        "pciID": _pci_id(name),
        "driver": _driver(name),
        "linkState": bool(flags & _UP and rtnl.number(found, rtnl.LINK_CARRIER)),
    }


def address_spec(body: bytes, names: Mapping[int, str]) -> dict[str, Any] | None:
    """Return the specification of an address, or nothing for one of another family than IP."""
    family, length, flags, scope, index = rtnl.ADDRESS.unpack_from(body)
    found = rtnl.read_attributes(body[rtnl.ADDRESS.size :])
    address = _text(family, found.get(rtnl.ADDRESS_ADDRESS))
    local = _text(family, found.get(rtnl.ADDRESS_LOCAL)) or address
    if family not in FAMILIES or not local:
        return None
    spec = {
        "address": f"{address or local}/{length}",
        "local": local,
        "linkIndex": index,
        "linkName": names.get(index, ""),
        "family": FAMILIES[family],
        "scope": _SCOPES.get(scope, "global"),
        "flags": "permanent" if flags & _PERMANENT else "",
        "priority": 0,
    }
    if broadcast := _text(family, found.get(rtnl.ADDRESS_BROADCAST)):
        spec["broadcast"] = broadcast
    return spec


def standing_address(body: bytes, names: Mapping[int, str]) -> tuple[str, InterfaceAddress] | None:
    """Return the link and the address of what somebody set, and nobody leased or made up."""
    spec = address_spec(body, names)
    found = rtnl.read_attributes(body[rtnl.ADDRESS.size :])
    is_made_up = rtnl.number(found, rtnl.ADDRESS_PROTOCOL) in _MADE_UP
    if spec and spec["flags"] == "permanent" and spec["scope"] == "global" and not is_made_up:
        return spec["linkName"], ipaddress.ip_interface(spec["address"])
    return None


def route_spec(body: bytes, names: Mapping[int, str]) -> dict[str, Any] | None:
    """Return the specification of a route, or nothing unless it is unicast and of the main table.

    Of a route over several links there is no link, and no gateway.
    """
    family, length, _, _, _, protocol, scope, kind, _ = rtnl.ROUTE.unpack_from(body)
    found = rtnl.read_attributes(body[rtnl.ROUTE.size :])
    if family not in FAMILIES or kind != UNICAST or _table(body, found) != MAIN_TABLE:
        return None
    index = rtnl.number(found, rtnl.ROUTE_LINK)
    destination = _text(family, found.get(rtnl.ROUTE_TO))
    spec = {
        "family": FAMILIES[family],
        "dst": f"{destination}/{length}" if destination else "",
        "gateway": _text(family, found.get(rtnl.ROUTE_GATEWAY)),
        "outLinkIndex": index,
        "outLinkName": names.get(index, ""),
        "table": "main",
        "priority": rtnl.number(found, rtnl.ROUTE_PRIORITY),
        "scope": _SCOPES.get(scope, "global"),
        "type": "unicast",
        "protocol": _PROTOCOLS.get(protocol, "unspec"),
    }
    if source := _text(family, found.get(rtnl.ROUTE_SOURCE)):
        spec["src"] = source
    return spec


def standing_route(body: bytes, names: Mapping[int, str]) -> tuple[str, Route] | None:
    """Return the link and the route of what somebody set, and not the kernel or a router."""
    spec = route_spec(body, names)
    if not spec or spec["protocol"] != _PROTOCOLS[STATIC] or not spec["outLinkName"]:
        return None
    found = rtnl.read_attributes(body[rtnl.ROUTE.size :])
    return spec["outLinkName"], Route(
        destination=spec["dst"],
        gateway=spec["gateway"],
        source=spec.get("src", ""),
        metric=spec["priority"],
        mtu=rtnl.number(rtnl.nested(found, rtnl.ROUTE_METRICS), rtnl.METRIC_MTU),
    )


def _table(body: bytes, found: rtnl.Attributes) -> int:
    # The header has room for 256 tables only.
    table: int = rtnl.ROUTE.unpack_from(body)[4]
    return rtnl.number(found, rtnl.ROUTE_TABLE) or table


def _text(family: int, value: bytes | None) -> str:
    if not value or len(value) != (4 if family == socket.AF_INET else 16):
        return ""
    return socket.inet_ntop(family, value)


def _hardware(value: bytes) -> str:
    return value[:6].hex(":") if len(value) >= 6 else "00:00:00:00:00:00"


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
