# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Kinds about names, time, rules and routes."""

from typing import Annotated, Literal

from pydantic import Field

from edge.config.document import Document, NamedDocument
from edge.config.model import (
    Duration,
    IPAddress,
    IPFilter,
    Model,
    Replace,
    RoutingTable,
    SizedPrefix,
    Text,
    Texts,
    UInt32,
    Url,
)


class HostnameConfig(Document):
    """The name of the machine."""

    auto: Literal["stable", "off"] | None = None
    hostname: Text | None = None


class Nameserver(Model):
    """One name server."""

    address: IPAddress | None = None
    protocol: Literal["Do53", "DoT", "DoH"] | None = None
    tlsServerName: Text | None = None


class SearchDomains(Model):
    """Domains tried for short names."""

    domains: Texts | None = None
    disableDefault: bool | None = None


class HostDNS(Model):
    """The caching resolver on each node."""

    enabled: bool | None = None
    forwardKubeDNSToHost: bool | None = None
    resolveMemberNames: bool | None = None


class ResolverConfig(Document):
    """Name resolution."""

    nameservers: list[Nameserver] | None = None
    searchDomains: SearchDomains | None = None
    hostDNS: HostDNS | None = None


class Ntp(Model):
    """Time from the network."""

    servers: Texts | None = None
    useNTS: bool | None = None


class Ptp(Model):
    """Time from clock devices."""

    devices: Texts | None = None


class TimeSyncConfig(Document):
    """How the machine keeps time."""

    enabled: bool | None = None
    bootTimeout: Duration | None = None
    ntp: Ntp | None = None
    ptp: Ptp | None = None


class StaticHostConfig(NamedDocument):
    """Names of an address, which is the name of the document."""

    hostnames: Texts | None = None


class KubeSpanFilters(Model):
    """Which endpoints and networks take part."""

    endpoints: list[IPFilter] | None = None
    excludeAdvertisedNetworks: list[SizedPrefix] | None = None


class KubeSpanConfig(Document):
    """The encrypted network between nodes."""

    enabled: bool | None = None
    advertiseKubernetesNetworks: bool | None = None
    allowDownPeerBypass: bool | None = None
    harvestExtraEndpoints: bool | None = None
    mtu: UInt32 | None = None
    filters: KubeSpanFilters | None = None


class KubeSpanEndpointsConfig(Document):
    """More endpoints to announce."""

    extraAnnouncedEndpoints: Texts | None = None


class NetworkDefaultActionConfig(Document):
    """What happens to traffic that no rule names."""

    ingress: Literal["accept", "block"] | None = None


class PortSelector(Model):
    """Ports and protocol of a rule; a range of ports is a text such as "1-1023"."""

    ports: Annotated[Texts | None, Replace()] = None
    protocol: Literal["tcp", "udp", "icmp", "icmpv6"] | None = None


class IngressRule(Model):
    """A source that is let in."""

    subnet: SizedPrefix | None = None
    except_: SizedPrefix | None = Field(default=None, alias="except")


class NetworkRuleConfig(NamedDocument):
    """Traffic that is let in."""

    portSelector: PortSelector | None = None
    ingress: Annotated[list[IngressRule] | None, Replace()] = None


class BlackholeRouteConfig(NamedDocument):
    """A destination (the name) whose traffic is dropped."""

    metric: UInt32 | None = None


class RoutingRuleConfig(NamedDocument):
    """Which table routes which traffic."""

    src: SizedPrefix | None = None
    dst: SizedPrefix | None = None
    table: RoutingTable | None = None
    action: UInt32 | None = None
    iifName: Text | None = None
    oifName: Text | None = None
    fwMark: UInt32 | None = None
    fwMask: UInt32 | None = None


class TCPProbeConfig(NamedDocument):
    """An endpoint whose reachability is watched."""

    interval: Duration | None = None
    failureThreshold: UInt32 | None = None
    endpoint: Text | None = None
    timeout: Duration | None = None


class HTTPProbeConfig(NamedDocument):
    """A URL whose answer is watched."""

    interval: Duration | None = None
    failureThreshold: UInt32 | None = None
    url: Url | None = None
    timeout: Duration | None = None


class ImportRoute(Model):
    """Routes taken over from another instance."""

    bgpInstance: Text | None = None
    prefixes: list[SizedPrefix] | None = None


class Bfd(Model):
    """Fast detection of a dead neighbour."""

    transmitInterval: Duration | None = None
    receiveInterval: Duration | None = None
    detectMultiplier: UInt32 | None = None


class BGPNeighbor(Model):
    """A router that is spoken to."""

    address: Text | None = None
    link: Text | None = None
    peerASN: UInt32 | None = None
    localASN: UInt32 | None = None
    passive: bool | None = None
    holdTime: Duration | None = None
    bfd: Bfd | None = None


class BGPInstanceConfig(NamedDocument):
    """A BGP speaker."""

    vrf: Text | None = None
    localASN: UInt32 | None = None
    routerID: Text | None = None
    routeSource: Text | None = None
    advertise: Annotated[Texts | None, Replace()] = None
    multipath: bool | None = None
    maxPaths: UInt32 | None = None
    installRoutes: bool | None = None
    importRoutes: Annotated[list[ImportRoute] | None, Replace()] = None
    neighbors: Annotated[list[BGPNeighbor] | None, Replace()] = None
