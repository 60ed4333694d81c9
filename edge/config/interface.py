# SPDX-License-Identifier: Apache-2.0
"""What a node wants of its network, wherever that was written.

Standard library only: a node in maintenance acts on this without loading any model.
"""

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Protocol

Address = IPv4Address | IPv6Address
InterfaceAddress = IPv4Interface | IPv6Interface
Prefix = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteView:
    """A static route; without a destination it is the default one."""

    destination: Prefix | None = None
    gateway: Address | None = None
    source: Address | None = None
    metric: int | None = None
    mtu: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectorView:
    """Chooses interfaces by what they are; every field that is given must match."""

    bus_path: str | None = None
    hardware_address: str | None = None
    permanent_address: str | None = None
    pci_id: str | None = None
    driver: str | None = None
    physical: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceView:
    """One network interface, named or, when `name` is empty, chosen by `selector`."""

    name: str = ""
    selector: SelectorView | None = None
    up: bool = True
    ignore: bool = False
    dhcp: bool = False
    dhcp_route_metric: int | None = None
    dhcp_routes: bool = True
    """Whether a lease brings its default route."""
    addresses: tuple[InterfaceAddress, ...] = ()
    routes: tuple[RouteView, ...] = ()
    mtu: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticHost:
    """Names of an address in /etc/hosts."""

    address: Address
    names: tuple[str, ...]


class NetworkView(Protocol):
    """The part of a node's configuration that its network acts on."""

    @property
    def hostname(self) -> str | None:
        """The given name, or nothing."""

    @property
    def interfaces(self) -> tuple[InterfaceView, ...]:
        """The links that something is said about."""

    @property
    def nameservers(self) -> tuple[Address, ...]:
        """The given name servers, in order."""

    @property
    def search_domains(self) -> tuple[str, ...]:
        """The domains tried for short names."""

    @property
    def static_hosts(self) -> tuple[StaticHost, ...]:
        """The names that need no name server."""

    def interface(self, name: str) -> InterfaceView | None:
        """Return the interface of this name, or nothing."""
