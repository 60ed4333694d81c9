# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""`machine.network` of the root document."""

from typing import Annotated

from edge.config.model import (
    Duration,
    IPAddress,
    IPFilter,
    IPInterface,
    IPPrefix,
    MergeBy,
    Model,
    SecretText,
    SizedPrefix,
    Text,
    Texts,
    UInt8,
    UInt16,
    UInt32,
)


class DeviceSelector(Model):
    """Chooses a network interface by what it is."""

    busPath: Text | None = None
    hardwareAddr: Text | None = None
    permanentAddr: Text | None = None
    pciID: Text | None = None
    driver: Text | None = None
    physical: bool | None = None


class Route(Model):
    """A static route; without a network it is the default one."""

    network: SizedPrefix | None = None
    gateway: IPAddress | None = None
    source: IPAddress | None = None
    metric: UInt32 | None = None
    mtu: UInt32 | None = None


class Bond(Model):
    """Bonding parameters."""

    interfaces: Texts | None = None
    deviceSelectors: list[DeviceSelector] | None = None
    arpIPTarget: Texts | None = None
    mode: Text | None = None
    xmitHashPolicy: Text | None = None
    lacpRate: Text | None = None
    adActorSystem: Text | None = None
    arpValidate: Text | None = None
    arpAllTargets: Text | None = None
    primary: Text | None = None
    primaryReselect: Text | None = None
    failOverMac: Text | None = None
    adSelect: Text | None = None
    miimon: UInt32 | None = None
    updelay: UInt32 | None = None
    downdelay: UInt32 | None = None
    arpInterval: UInt32 | None = None
    resendIgmp: UInt32 | None = None
    minLinks: UInt32 | None = None
    lpInterval: UInt32 | None = None
    packetsPerSlave: UInt32 | None = None
    numPeerNotif: UInt8 | None = None
    tlbDynamicLb: UInt8 | None = None
    allSlavesActive: UInt8 | None = None
    useCarrier: bool | None = None
    adActorSysPrio: UInt16 | None = None
    adUserPortKey: UInt16 | None = None
    peerNotifyDelay: UInt32 | None = None


class Stp(Model):
    """Spanning tree."""

    enabled: bool | None = None


class BridgeVlan(Model):
    """VLAN handling of a bridge."""

    vlanFiltering: bool | None = None


class Bridge(Model):
    """A bridge and its members."""

    interfaces: Texts | None = None
    stp: Stp | None = None
    vlan: BridgeVlan | None = None


class BridgePort(Model):
    """Membership in a bridge."""

    master: Text | None = None


class DhcpOptions(Model):
    """How to ask for an address."""

    routeMetric: UInt32 | None = None
    ipv4: bool | None = None
    ipv6: bool | None = None
    duidv6: Text | None = None


class CloudToken(Model):
    """Access to a provider that moves the shared address."""

    apiToken: SecretText | None = None


class Vip(Model):
    """An address shared by control-plane nodes."""

    ip: IPAddress | None = None
    equinixMetal: CloudToken | None = None
    hcloud: CloudToken | None = None


class Vlan(Model):
    """A tagged network on an interface."""

    addresses: list[IPInterface] | None = None
    cidr: IPInterface | None = None
    routes: list[Route] | None = None
    dhcp: bool | None = None
    vlanId: UInt16 | None = None
    mtu: UInt32 | None = None
    vip: Vip | None = None
    dhcpOptions: DhcpOptions | None = None


class WireguardPeer(Model):
    """The other end of a tunnel."""

    publicKey: Text | None = None
    endpoint: Text | None = None
    persistentKeepaliveInterval: Duration | None = None
    allowedIPs: list[IPPrefix] | None = None


class Wireguard(Model):
    """A WireGuard interface."""

    privateKey: SecretText | None = None
    listenPort: UInt16 | None = None
    firewallMark: UInt32 | None = None
    peers: list[WireguardPeer] | None = None


class Interface(Model):
    """One network interface."""

    interface: Text | None = None
    deviceSelector: DeviceSelector | None = None
    addresses: list[IPInterface] | None = None
    cidr: IPInterface | None = None
    routes: list[Route] | None = None
    bond: Bond | None = None
    bridge: Bridge | None = None
    bridgePort: BridgePort | None = None
    vlans: Annotated[list[Vlan] | None, MergeBy(("vlanId",))] = None
    mtu: UInt32 | None = None
    dhcp: bool | None = None
    ignore: bool | None = None
    dummy: bool | None = None
    dhcpOptions: DhcpOptions | None = None
    wireguard: Wireguard | None = None
    vip: Vip | None = None


class HostEntry(Model):
    """A line of /etc/hosts."""

    ip: IPAddress | None = None
    aliases: Texts | None = None


class KubeSpanFilters(Model):
    """Which endpoints and networks take part."""

    endpoints: list[IPFilter] | None = None
    excludeAdvertisedNetworks: list[IPPrefix] | None = None


class KubeSpan(Model):
    """The encrypted network between nodes."""

    enabled: bool | None = None
    advertiseKubernetesNetworks: bool | None = None
    allowDownPeerBypass: bool | None = None
    harvestExtraEndpoints: bool | None = None
    mtu: UInt32 | None = None
    filters: KubeSpanFilters | None = None


class Network(Model):
    """The network of a machine."""

    hostname: Text | None = None
    interfaces: Annotated[list[Interface] | None, MergeBy(("interface", "deviceSelector"))] = None
    nameservers: list[IPAddress] | None = None
    searchDomains: Texts | None = None
    extraHostEntries: list[HostEntry] | None = None
    kubespan: KubeSpan | None = None
    disableSearchDomain: bool | None = None
