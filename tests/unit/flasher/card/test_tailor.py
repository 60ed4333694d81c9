# SPDX-License-Identifier: Apache-2.0
"""Whatever the configuration was, the node acts on what its card says."""

from datetime import UTC, datetime
from ipaddress import IPv4Interface, ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.generate import Generated, generate
from edge.config.interface import InterfaceView, SelectorView
from edge.config.load import load
from edge.config.patch import parse_patch, patch_config
from edge.config.view import view
from edge.errors import ConfigError
from edge.pki.secrets import load_secrets
from flasher.card import CardNetwork
from flasher.card.tailor import tailor

SECRETS = Path(__file__).parents[3] / "golden/config/secrets.yaml"
PATCHES = (
    "machine: {sysctls: {a: b}}",
    "machine: {network: {interfaces: [{interface: end0, dhcp: true, mtu: 1400}]}}",
    "machine: {network: {interfaces: [{deviceSelector: {physical: true}, dhcp: true}]}}",
    "machine: {network: {nameservers: [9.9.9.9]}}",
    "{apiVersion: v1alpha1, kind: LinkConfig, name: end0, addresses: [{address: 10.1.1.1/8}]}",
    "{apiVersion: v1alpha1, kind: DHCPv4Config, name: end0}",
    "{apiVersion: v1alpha1, kind: HostnameConfig, $patch: delete}",
    "{apiVersion: v1alpha1, kind: ResolverConfig, nameservers: [{address: 9.9.9.9}]}",
)


@pytest.fixture(scope="module")
def generated() -> Generated:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return generate("t", "https://10.0.0.1:6443", load_secrets(SECRETS.read_text()), now=now)


def _own(interfaces: tuple[InterfaceView, ...], name: str) -> InterfaceView:
    for each in interfaces:
        if each.name == name and (name or each.selector == SelectorView(physical=True)):
            return each
    raise AssertionError(f"nothing is said of {name!r}")


@settings(deadline=None, max_examples=25)
@given(
    kind=st.sampled_from(("controlplane", "worker")),
    base=st.lists(st.sampled_from(PATCHES), unique=True, max_size=3),
    hostname=st.sampled_from(("n1", "n1.lab.example")),
    interface=st.sampled_from(("", "end0", "end1")),
    address=st.sampled_from(("10.0.0.5/24", "dhcp")),
    has_gateway=st.booleans(),
    servers=st.lists(st.ip_addresses(), max_size=2),
)
def test_card_has_the_last_word(
    generated: Generated,
    kind: str,
    base: list[str],
    hostname: str,
    interface: str,
    address: str,
    has_gateway: bool,
    servers: list[object],
) -> None:
    """Name, address, route and name servers are the card's alone, and saying it twice is once."""
    try:
        text = patch_config(getattr(generated, kind), [parse_patch(each) for each in base])
        tailor(text)
    except ConfigError:
        return  # some patches contradict each other, which is not the card's doing
    dhcp = address == "dhcp"
    network = CardNetwork(
        interface=interface,
        dhcp=dhcp,
        addresses=() if dhcp else (IPv4Interface(address),),
        gateway=ip_address("10.0.0.1") if has_gateway and not dhcp else None,
        nameservers=tuple(servers),  # type: ignore[arg-type] # of both families
    )
    made = tailor(text, hostname=hostname, network=network)
    found = view(load(made))
    link = _own(found.interfaces, interface)
    assert found.hostname == hostname
    assert (link.dhcp, link.addresses) == (dhcp, network.addresses)
    gateways = [route.gateway for route in link.routes]
    assert gateways == ([network.gateway] if network.gateway else [])
    assert not servers or list(found.nameservers) == servers
    assert tailor(made.decode(), hostname=hostname, network=network) == made


@pytest.mark.parametrize(
    "text",
    [
        "just a text",
        "- a",
        "a\n---\nb",
        "aGVsbG8gd29ybGQ=",
        "",
        "a: [",
        "version: v1alpha1\nmachine: 5",
        "version: v1alpha1\nmachine: {network: {interfaces: [7]}}",
    ],
)
def test_what_is_no_configuration_has_the_faults_it_has_alone(text: str) -> None:
    """A name and a network for it change nothing about that; a patch may tell its own."""
    with pytest.raises(ConfigError) as alone:
        tailor(text)
    with pytest.raises(ConfigError) as named:
        tailor(text, hostname="n1")
    with pytest.raises(ConfigError) as reached:
        tailor(text, network=CardNetwork(interface="end0", dhcp=True))
    assert named.value.faults == reached.value.faults == alone.value.faults
    assert named.value.message == reached.value.message == alone.value.message
    with pytest.raises(ConfigError):
        tailor(text, [parse_patch("machine: {sysctls: {a: b}}")], hostname="n1")
