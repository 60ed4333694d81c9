# SPDX-License-Identifier: Apache-2.0
"""What a node acts on, merged from the root document and the documents beside it.

Controllers read this and never the models, so that they need not know in which of its two
places a setting was written.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING

from edge.config.interface import Address, InterfaceView, RouteView, SelectorView, StaticHost
from edge.config.kinds.cluster import DiscoveryIdentityConfig
from edge.config.kinds.kubernetes import KubeClusterConfig
from edge.config.kinds.link import DHCPv4Config, LinkConfig
from edge.config.kinds.network import (
    HostnameConfig,
    ResolverConfig,
    StaticHostConfig,
    TimeSyncConfig,
)
from edge.config.kinds.runtime import SysctlConfig, WatchdogTimerConfig
from edge.config.kubelet import KubeletView, kubelet_view
from edge.config.load import MachineConfig
from edge.config.machine import Machine
from edge.config.model import CertOnly, parse_duration
from edge.config.network import DeviceSelector, Interface, Network

if TYPE_CHECKING:
    from edge.config.cluster import Cluster

WATCHDOG_TIMEOUT_S = 60.0


class MachineType(StrEnum):
    """What a machine does in its cluster."""

    CONTROLPLANE = "controlplane"
    WORKER = "worker"


_TYPES = {
    "controlplane": MachineType.CONTROLPLANE,
    "init": MachineType.CONTROLPLANE,
    "worker": MachineType.WORKER,
    "join": MachineType.WORKER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """The hardware watchdog to feed."""

    device: str
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """Everything of a machine configuration that a node acts on."""

    machine_type: MachineType | None
    """Nothing while the configuration has no root document."""
    hostname: str | None
    """Without one the machine gets a stable name made from its identity."""
    interfaces: tuple[InterfaceView, ...]
    nameservers: tuple[Address, ...]
    search_domains: tuple[str, ...]
    static_hosts: tuple[StaticHost, ...]
    time_disabled: bool
    time_servers: tuple[str, ...]
    sysctls: Mapping[str, str]
    watchdog: Watchdog | None
    cert_sans: tuple[str, ...]
    token: str = field(repr=False)
    ca_cert: bytes
    """PEM; empty without a root document."""
    ca_key: bytes = field(repr=False)
    """PEM; empty on workers."""
    accepted_cas: tuple[bytes, ...]
    """PEM of further authorities whose certificates are trusted."""
    cluster_name: str
    cluster_id: str
    cluster_secret: str = field(repr=False)
    discovery: bool
    """Whether the machines of the cluster may find each other."""
    endpoint: str
    kubelet: KubeletView

    @property
    def trusted_cas(self) -> bytes:
        """Return every authority that clients may come from, as one PEM bundle."""
        pems = [pem for pem in (self.ca_cert, *self.accepted_cas) if pem]
        return b"".join(pem if pem.endswith(b"\n") else pem + b"\n" for pem in pems)

    def interface(self, name: str) -> InterfaceView | None:
        """Return the interface of this name, or nothing."""
        return next((item for item in self.interfaces if item.name == name), None)


def view(config: MachineConfig) -> NodeView:
    """Return what a node acts on in `config`; missing settings have their defaults."""
    machine = (config.root and config.root.machine) or Machine()
    network = machine.network or Network()
    cluster: Cluster | None = config.root.cluster if config.root else None
    control_plane = cluster.controlPlane if cluster else None
    named = config.only(KubeClusterConfig)
    identity = config.only(DiscoveryIdentityConfig)
    ca_cert, ca_key = (machine.ca.crt, machine.ca.key) if machine.ca else (None, None)
    time_disabled, time_servers = _time(config, machine)
    return NodeView(
        machine_type=_TYPES.get(machine.type or ""),
        hostname=_hostname(config, network),
        interfaces=_interfaces(config, network),
        nameservers=_nameservers(config, network),
        search_domains=_search_domains(config, network),
        static_hosts=_static_hosts(config, network),
        time_disabled=time_disabled,
        time_servers=time_servers,
        sysctls=_merge(machine.sysctls, *(d.params for d in config.of_kind(SysctlConfig))),
        watchdog=_watchdog(config),
        cert_sans=tuple(machine.certSANs or ()),
        token=machine.token or "",
        ca_cert=_pem(ca_cert),
        ca_key=_pem(ca_key),
        accepted_cas=_pems(machine.acceptedCAs or ()),
        cluster_name=(named and named.clusterName) or (cluster and cluster.clusterName) or "",
        cluster_id=(identity and identity.clusterID) or (cluster and cluster.id) or "",
        cluster_secret=(identity and identity.clusterSecret) or (cluster and cluster.secret) or "",
        discovery=bool(identity or (cluster and cluster.discovery and cluster.discovery.enabled)),
        kubelet=kubelet_view(config),
        endpoint=(named and named.endpoint) or (control_plane and control_plane.endpoint) or "",
    )


def _hostname(config: MachineConfig, network: Network) -> str | None:
    document = config.only(HostnameConfig)
    return (document and document.hostname) or network.hostname or None


def _interfaces(config: MachineConfig, network: Network) -> tuple[InterfaceView, ...]:
    documents = {document.name: document for document in config.of_kind(LinkConfig)}
    dhcp = {document.name: document for document in config.of_kind(DHCPv4Config)}
    old = [_from_root(interface) for interface in network.interfaces or ()]
    new = [_from_documents(name, documents.get(name), dhcp.get(name)) for name in documents | dhcp]
    return (*old, *new)


def _from_root(interface: Interface) -> InterfaceView:
    addresses = interface.addresses or ([interface.cidr] if interface.cidr else [])
    options = interface.dhcpOptions
    wants_dhcp = bool(interface.dhcp) and not (options and options.ipv4 is False)
    return InterfaceView(
        name=interface.interface or "",
        selector=_selector(interface.deviceSelector),
        ignore=bool(interface.ignore),
        dhcp=wants_dhcp,
        dhcp_route_metric=options.routeMetric if options else None,
        addresses=tuple(ip_interface(text) for text in addresses),
        routes=tuple(
            _route(item.network, item.gateway, item.source, item.metric, item.mtu)
            for item in interface.routes or ()
        ),
        mtu=interface.mtu or None,
    )


def _from_documents(name: str, link: LinkConfig | None, dhcp: DHCPv4Config | None) -> InterfaceView:
    link = link or LinkConfig(apiVersion="v1alpha1", kind="LinkConfig", name=name)
    return InterfaceView(
        name=name,
        up=link.up is not False,
        dhcp=dhcp is not None,
        dhcp_route_metric=dhcp.routeMetric if dhcp else None,
        dhcp_routes=not (dhcp and dhcp.ignoreRoutes),
        addresses=tuple(ip_interface(a.address) for a in link.addresses or () if a.address),
        routes=tuple(
            _route(item.destination, item.gateway, item.source, item.metric, item.mtu)
            for item in link.routes or ()
        ),
        mtu=link.mtu or None,
    )


def _route(
    destination: str | None,
    gateway: str | None,
    source: str | None,
    metric: int | None,
    mtu: int | None,
) -> RouteView:
    prefix = ip_network(destination, strict=False) if destination else None
    return RouteView(
        # The default route may be spelled out as well as left out.
        destination=prefix if prefix and prefix.prefixlen else None,
        gateway=ip_address(gateway) if gateway else None,
        source=ip_address(source) if source else None,
        metric=metric or None,
        mtu=mtu or None,
    )


def _selector(selector: DeviceSelector | None) -> SelectorView | None:
    if not selector:
        return None
    return SelectorView(
        bus_path=selector.busPath,
        hardware_address=selector.hardwareAddr,
        permanent_address=selector.permanentAddr,
        pci_id=selector.pciID,
        driver=selector.driver,
        physical=selector.physical,
    )


def _nameservers(config: MachineConfig, network: Network) -> tuple[Address, ...]:
    document = config.only(ResolverConfig)
    listed = [server.address for server in (document and document.nameservers) or ()]
    return tuple(ip_address(text) for text in (*(network.nameservers or ()), *listed) if text)


def _search_domains(config: MachineConfig, network: Network) -> tuple[str, ...]:
    document = config.only(ResolverConfig)
    domains = document.searchDomains if document else None
    return (*(network.searchDomains or ()), *((domains and domains.domains) or ()))


def _static_hosts(config: MachineConfig, network: Network) -> tuple[StaticHost, ...]:
    pairs = [(entry.ip, entry.aliases) for entry in network.extraHostEntries or ()]
    pairs += [(entry.name, entry.hostnames) for entry in config.of_kind(StaticHostConfig)]
    return tuple(
        StaticHost(address=ip_address(address), names=tuple(names))
        for address, names in pairs
        if address and names
    )


def _time(config: MachineConfig, machine: Machine) -> tuple[bool, tuple[str, ...]]:
    document = config.only(TimeSyncConfig)
    if document:
        servers = (document.ntp and document.ntp.servers) or ()
        return document.enabled is False, tuple(servers)
    if not machine.time:
        return False, ()
    time = machine.time
    return bool(time.disabled), tuple(time.servers or ())


def _watchdog(config: MachineConfig) -> Watchdog | None:
    document = config.only(WatchdogTimerConfig)
    if not document or not document.device:
        return None
    timeout_s = _seconds(document.timeout) or WATCHDOG_TIMEOUT_S
    return Watchdog(device=document.device, timeout_s=timeout_s)


def _seconds(duration: str | None) -> float | None:
    return parse_duration(duration) if duration else None


def _merge(*maps: Mapping[str, str] | None) -> dict[str, str]:
    merged: dict[str, str] = {}
    for values in maps:
        merged |= values or {}
    return merged


def _pem(encoded: str | None) -> bytes:
    return base64.b64decode(encoded) if encoded else b""


def _pems(authorities: Iterable[CertOnly]) -> tuple[bytes, ...]:
    return tuple(_pem(authority.crt) for authority in authorities if authority.crt)
