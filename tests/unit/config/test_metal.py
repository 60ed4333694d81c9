# SPDX-License-Identifier: Apache-2.0
"""The network that META keeps: what is written is what is read, and what others write is too."""

from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.interface import InterfaceView, RouteView
from edge.config.metal import FIRST_LINK, MetalNetwork, parse_metal, render_metal
from edge.errors import ConfigError

UPSTREAM = """\
addresses:
  - address: 10.5.0.2/24
    linkName: eth0
    family: inet4
    scope: global
    flags: permanent
    layer: platform
  - {address: "fd00::2/64", linkName: eth0, family: inet6}
links:
  - {name: eth0, logical: false, up: true, mtu: 1400, kind: "", type: netrom, layer: platform}
  - {name: eth1, up: false}
routes:
  - {family: inet4, dst: "", src: "", gateway: 10.5.0.1, outLinkName: eth0, priority: 1024}
  - {dst: 10.6.0.0/16, gateway: 10.5.0.9, outLinkName: eth0, table: main}
hostnames:
  - {hostname: n1, domainname: lab.example, layer: platform}
resolvers:
  - dnsServers: [10.5.0.1, 1.1.1.1]
    searchDomains: [lab.example]
timeServers: [{timeServers: [10.5.0.1]}]
operators:
  - {operator: dhcp4, linkName: eth2, requireUp: true, dhcp4: {routeMetric: 50}}
externalIPs: []
"""

_addresses = st.one_of(
    st.ip_addresses(v=4).map(lambda ip: ip_interface(f"{ip}/24")),
    st.ip_addresses(v=6).map(lambda ip: ip_interface(f"{ip}/64")),
)
_routes = st.builds(RouteView, gateway=st.ip_addresses(), metric=st.integers(1, 2**31))


@st.composite
def _links(draw: st.DrawFn) -> tuple[InterfaceView, ...]:
    names = draw(st.lists(st.sampled_from(("", "eth0", "end0")), unique=True))
    return tuple(
        InterfaceView(
            name=name,
            selector=None if name else FIRST_LINK,
            addresses=tuple(draw(st.lists(_addresses, min_size=1, max_size=3))),
            routes=tuple(draw(st.lists(_routes, max_size=2))),
        )
        for name in sorted(names, key=lambda name: not name)
    )


def test_network_of_upstream_is_read() -> None:
    """Its own tools write this shape; what is not acted on does no harm."""
    network = parse_metal(UPSTREAM)
    assert network.hostname == "n1.lab.example"
    eth0, eth1, eth2 = network.interfaces
    assert [str(each) for each in eth0.addresses] == ["10.5.0.2/24", "fd00::2/64"]
    assert eth0.routes == (
        RouteView(gateway=ip_address("10.5.0.1"), metric=1024),
        RouteView(destination=ip_network("10.6.0.0/16"), gateway=ip_address("10.5.0.9")),
    )
    assert (eth0.mtu, eth0.dhcp, eth1.up) == (1400, False, False)
    assert (eth2.name, eth2.dhcp, eth2.dhcp_route_metric) == ("eth2", True, 50)
    assert [str(each) for each in network.nameservers] == ["10.5.0.1", "1.1.1.1"]
    assert network.search_domains == ("lab.example",)


@given(
    hostname=st.sampled_from((None, "n1", "n1.lab.example")),
    links=_links(),
    servers=st.lists(st.ip_addresses(), max_size=2),
)
def test_network_comes_back_as_it_went(
    hostname: str | None, links: tuple[InterfaceView, ...], servers: list[object]
) -> None:
    """Rendering and parsing are each other's reverse."""
    network = MetalNetwork(
        hostname=hostname,
        interfaces=tuple(sorted(links, key=lambda link: not link.name)),
        nameservers=tuple(servers),  # type: ignore[arg-type] # addresses of both families
    )
    back = parse_metal(render_metal(network))
    assert (back.hostname, back.nameservers) == (network.hostname, network.nameservers)
    assert {each.name: each for each in back.interfaces} == {
        each.name: each for each in network.interfaces
    }


def test_every_fault_is_named() -> None:
    """Bad addresses are told all at once."""
    text = "addresses: [{address: x, linkName: a}]\nroutes: [{gateway: y, outLinkName: a}]"
    with pytest.raises(ConfigError) as caught:
        parse_metal(text)
    assert caught.value.faults == (
        "addresses[0].address: 'x' cannot be read",
        "routes[0].gateway: 'y' cannot be read",
    )


@pytest.mark.parametrize("text", ["[1]", "a: ["])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    """Neither lists nor broken YAML."""
    with pytest.raises(ConfigError):
        parse_metal(text)
