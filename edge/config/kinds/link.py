# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Kinds about network links and their addresses."""

from typing import Literal

from pydantic import Field

from edge.config.document import NamedDocument
from edge.config.model import (
    Duration,
    IPAddress,
    Model,
    Octets,
    RoutingTable,
    SecretText,
    SizedInterface,
    SizedPrefix,
    Text,
    Texts,
    UInt8,
    UInt16,
    UInt32,
)


class LinkAddress(Model):
    """An address of a link."""

    address: SizedInterface | None = None
    routePriority: UInt32 | None = None


class LinkRoute(Model):
    """A route over a link; without a destination it is the default one."""

    destination: SizedPrefix | None = None
    gateway: IPAddress | None = None
    source: IPAddress | None = None
    metric: UInt32 | None = None
    mtu: UInt32 | None = None
    table: RoutingTable | None = None


class Addressing(Model):
    """What every sort of link has."""

    up: bool | None = None
    mtu: UInt32 | None = None
    multicast: bool | None = None
    addresses: list[LinkAddress] | None = None
    routes: list[LinkRoute] | None = None


class LinkConfig(Addressing, NamedDocument):
    """An existing link."""


class DummyLinkConfig(Addressing, NamedDocument):
    """A link that leads nowhere."""

    hardwareAddr: Octets | None = None


class Stp(Model):
    """Spanning tree."""

    enabled: bool | None = None


class BridgeVlan(Model):
    """VLAN handling of a bridge."""

    filtering: bool | None = None


class BridgeConfig(Addressing, NamedDocument):
    """A bridge."""

    hardwareAddr: Octets | None = None
    links: Texts | None = None
    stp: Stp | None = None
    vlan: BridgeVlan | None = None


class BondConfig(Addressing, NamedDocument):
    """Several links as one."""

    hardwareAddr: Octets | None = None
    links: Texts | None = None
    bondMode: (
        Literal[
            "balance-rr",
            "active-backup",
            "balance-xor",
            "broadcast",
            "802.3ad",
            "balance-tlb",
            "balance-alb",
        ]
        | None
    ) = None
    miimon: UInt32 | None = None
    updelay: UInt32 | None = None
    downdelay: UInt32 | None = None
    useCarrier: bool | None = None
    xmitHashPolicy: Literal["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4"] | None = None
    arpInterval: UInt32 | None = None
    arpIpTargets: list[IPAddress] | None = None
    nsIp6Targets: list[IPAddress] | None = None
    arpValidate: (
        Literal["none", "active", "backup", "all", "filter", "filter-active", "filter-backup"]
        | None
    ) = None
    arpAllTargets: Literal["any", "all"] | None = None
    lacpRate: Literal["slow", "fast"] | None = None
    failOverMac: Literal["none", "active", "follow"] | None = None
    adSelect: Literal["stable", "bandwidth", "count"] | None = None
    adActorSysPrio: UInt16 | None = None
    adUserPortKey: UInt16 | None = None
    adLACPActive: Literal["on", "off"] | None = None
    primary: Text | None = None
    primaryReselect: Literal["always", "better", "failure"] | None = None
    resendIGMP: UInt32 | None = None
    minLinks: UInt32 | None = None
    lpInterval: UInt32 | None = None
    packetsPerSlave: UInt32 | None = None
    numPeerNotif: UInt8 | None = None
    tlbLogicalLb: UInt8 | None = None
    allSlavesActive: UInt8 | None = None
    peerNotifDelay: UInt32 | None = None
    missedMax: UInt8 | None = None


class VLANConfig(Addressing, NamedDocument):
    """A tagged network on a link."""

    vlanID: UInt16 | None = None
    vlanMode: Literal["802.1q", "802.1ad"] | None = None
    parent: Text | None = None


class VRFConfig(Addressing, NamedDocument):
    """A routing domain."""

    hardwareAddr: Octets | None = None
    links: Texts | None = None
    table: RoutingTable | None = None


class VethPeer(Addressing):
    """The other end of a pair."""

    name: Text | None = None


class VethConfig(Addressing, NamedDocument):
    """A pair of links that lead into each other."""

    peer: VethPeer | None = None


class WireguardPeer(Model):
    """The other end of a tunnel."""

    publicKey: Text | None = None
    presharedKey: SecretText | None = None
    endpoint: Text | None = None
    persistentKeepaliveInterval: Duration | None = None
    allowedIPs: list[SizedPrefix] | None = None


class WireguardConfig(Addressing, NamedDocument):
    """An encrypted tunnel."""

    privateKey: SecretText | None = None
    listenPort: UInt16 | None = None
    firewallMark: UInt32 | None = None
    peers: list[WireguardPeer] | None = None


class DHCPConfig(NamedDocument):
    """Asking for an address on the link of this name."""

    routeMetric: UInt32 | None = None
    ignoreHostname: bool | None = None
    clientIdentifier: Literal["none", "mac", "duid"] | None = None
    duidRaw: Octets | None = None


class DHCPv4Config(DHCPConfig):
    """Asking for an IPv4 address."""

    ignoreRoutes: bool | None = None


class DHCPv6Config(DHCPConfig):
    """Asking for an IPv6 address."""


class Rings(Model):
    """Ring buffer sizes of an Ethernet device."""

    rx: UInt32 | None = None
    tx: UInt32 | None = None
    rx_mini: UInt32 | None = Field(default=None, alias="rx-mini")
    rx_jumbo: UInt32 | None = Field(default=None, alias="rx-jumbo")
    rx_buf_len: UInt32 | None = Field(default=None, alias="rx-buf-len")
    cqe_size: UInt32 | None = Field(default=None, alias="cqe-size")
    tx_push: bool | None = Field(default=None, alias="tx-push")
    rx_push: bool | None = Field(default=None, alias="rx-push")
    tx_push_buf_len: UInt32 | None = Field(default=None, alias="tx-push-buf-len")
    tcp_data_split: bool | None = Field(default=None, alias="tcp-data-split")


class Channels(Model):
    """Queue counts of an Ethernet device."""

    rx: UInt32 | None = None
    tx: UInt32 | None = None
    other: UInt32 | None = None
    combined: UInt32 | None = None


class EthernetConfig(NamedDocument):
    """Settings of an Ethernet device."""

    features: dict[str, bool] | None = None
    rings: Rings | None = None
    channels: Channels | None = None
    wakeOnLan: Texts | None = None


class Layer2VIPConfig(NamedDocument):
    """An address (the name) shared by control-plane nodes."""

    link: Text | None = None


class HCloudVIPConfig(NamedDocument):
    """An address (the name) that a provider moves."""

    link: Text | None = None
    apiToken: SecretText | None = None


class LinkSelector(Model):
    """An expression that chooses links."""

    match: Text | None = None


class LinkAliasConfig(NamedDocument):
    """Another name for a link."""

    selector: LinkSelector | None = None
