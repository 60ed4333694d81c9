# SPDX-License-Identifier: Apache-2.0
"""What a node acts on, whichever place it was written in."""

from ipaddress import ip_address, ip_interface, ip_network

from edge.config.acted import idle_keys
from edge.config.generate import Generated
from edge.config.interface import InterfaceView, RouteView, SelectorView, StaticHost
from edge.config.load import load
from edge.config.view import MachineType, NodeView, Watchdog, view
from edge.pki.secrets import SecretsBundle

OLD = """\
version: v1alpha1
machine:
  type: join
  token: abc.def
  certSANs: [n1.example]
  network:
    hostname: n1
    interfaces:
      - interface: eth0
        dhcp: true
        dhcpOptions: {routeMetric: 50}
      - deviceSelector: {hardwareAddr: "aa:*"}
        addresses: [10.0.0.2/24, "fd00::2/64"]
        routes:
          - {network: 0.0.0.0/0, gateway: 10.0.0.1, metric: 10}
          - {network: 10.9.0.0/16, gateway: 10.0.0.9, mtu: 1300}
        mtu: 1400
      - {interface: eth1, cidr: 10.1.0.2/24}
      - {interface: eth2, ignore: true}
      - {interface: eth3, dhcp: true, dhcpOptions: {ipv4: false}}
    nameservers: [10.0.0.1]
    searchDomains: [example]
    extraHostEntries: [{ip: 10.0.0.5, aliases: [nas, files]}]
  time: {disabled: true, servers: [t.example], bootTimeout: 1m}
  sysctls: {a.b: 1}
  env: {http_proxy: p}
"""

NEW = """\
apiVersion: v1alpha1
kind: HostnameConfig
auto: off
hostname: n2
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
up: false
mtu: 1400
addresses: [{address: 10.0.0.2/24}]
routes: [{gateway: 10.0.0.1}]
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: eth0
routeMetric: 7
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: eth1
---
apiVersion: v1alpha1
kind: ResolverConfig
nameservers: [{address: 10.0.0.1}]
searchDomains: {domains: [example]}
---
apiVersion: v1alpha1
kind: TimeSyncConfig
enabled: false
bootTimeout: 1m
ntp: {servers: [t.example]}
---
apiVersion: v1alpha1
kind: StaticHostConfig
name: 10.0.0.5
hostnames: [nas, files]
---
apiVersion: v1alpha1
kind: WatchdogTimerConfig
device: /dev/watchdog0
timeout: 2m
---
apiVersion: v1alpha1
kind: SysctlConfig
params: {a.b: 1}
---
apiVersion: v1alpha1
kind: EnvironmentConfig
variables: {http_proxy: p}
"""


def shared(seen: NodeView) -> tuple[object, ...]:
    return (
        seen.nameservers,
        seen.search_domains,
        seen.static_hosts,
        seen.time_disabled,
        seen.time_servers,
        seen.sysctls,
    )


def test_both_places_mean_the_same() -> None:
    """Root keys and documents give the same settings."""
    expected = (
        (ip_address("10.0.0.1"),),
        ("example",),
        (StaticHost(address=ip_address("10.0.0.5"), names=("nas", "files")),),
        True,
        ("t.example",),
        {"a.b": "1"},
    )
    assert shared(view(load(OLD))) == shared(view(load(NEW))) == expected


def test_root_interfaces() -> None:
    """Interfaces of the root document, however they are chosen."""
    eth0, selected, eth1, eth2, eth3 = view(load(OLD)).interfaces
    assert eth0 == InterfaceView(name="eth0", dhcp=True, dhcp_route_metric=50)
    assert selected == InterfaceView(
        selector=SelectorView(hardware_address="aa:*"),
        addresses=(ip_interface("10.0.0.2/24"), ip_interface("fd00::2/64")),
        routes=(
            RouteView(gateway=ip_address("10.0.0.1"), metric=10),
            RouteView(
                destination=ip_network("10.9.0.0/16"), gateway=ip_address("10.0.0.9"), mtu=1300
            ),
        ),
        mtu=1400,
    )
    assert eth1.addresses == (ip_interface("10.1.0.2/24"),)
    assert eth2.ignore
    assert not eth3.dhcp


def test_document_interfaces() -> None:
    """Link and DHCP documents of one name are one interface."""
    seen = view(load(NEW))
    assert seen.interfaces == (
        InterfaceView(
            name="eth0",
            up=False,
            dhcp=True,
            dhcp_route_metric=7,
            addresses=(ip_interface("10.0.0.2/24"),),
            routes=(RouteView(gateway=ip_address("10.0.0.1")),),
            mtu=1400,
        ),
        InterfaceView(name="eth1", dhcp=True),
    )
    assert seen.interface("eth1") == seen.interfaces[1]
    assert seen.interface("eth9") is None
    assert seen.watchdog == Watchdog(device="/dev/watchdog0", timeout_s=120.0)
    assert seen.machine_type is None


def test_identity(generated: Generated, bundle: SecretsBundle) -> None:
    """Names, token and authorities of generated configurations."""
    seen = view(load(generated.controlplane))
    assert seen.machine_type is MachineType.CONTROLPLANE
    assert seen.hostname is None
    assert seen.token == bundle.trustd_token
    assert (seen.ca_cert, seen.ca_key) == (bundle.os.certificate, bundle.os.key)
    assert (seen.cluster_name, seen.endpoint) == ("demo", "https://10.0.0.10:6443")
    assert seen.cluster_id == bundle.cluster_id
    worker = view(load(generated.worker))
    assert worker.machine_type is MachineType.WORKER
    assert worker.ca_key == b""
    assert worker.trusted_cas == bundle.os.certificate


def test_old_names() -> None:
    """`join` is an old name of worker."""
    seen = view(load(OLD))
    assert seen.machine_type is MachineType.WORKER
    assert seen.hostname == "n1"


def test_secrets_stay_out_of_repr(generated: Generated, bundle: SecretsBundle) -> None:
    """A logged view shows neither token nor key."""
    shown = repr(view(load(generated.controlplane)))
    assert bundle.trustd_token not in shown
    assert "PRIVATE" not in shown


def test_idle_keys() -> None:
    """What this version does not act on is named once, as high up as possible."""
    text = (
        "version: v1alpha1\nmachine:\n  kubelet: {image: x}\n  features: {rbac: false}\n"
        "  network:\n    interfaces:\n      - {interface: a, vlans: [{vlanId: 1}], mtu: 1400}\n"
        "      - {interface: b, vlans: [{vlanId: 2}]}\n"
        "---\napiVersion: v1alpha1\nkind: SwapVolumeConfig\nname: s\n"
        "---\napiVersion: v1alpha1\nkind: LinkConfig\nname: e\nmulticast: true\nmtu: 1400\n"
    )
    assert idle_keys(load(text)) == (
        "machine.kubelet",
        "machine.features",
        "machine.network.interfaces.vlans",
        'SwapVolumeConfig "s"',
        'LinkConfig "e" multicast',
    )
