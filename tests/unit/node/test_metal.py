# SPDX-License-Identifier: Apache-2.0
"""The network that a card brings, before and after its node is configured."""

import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_address, ip_interface

import pytest

from edge.config.generate import Generated
from edge.config.interface import InterfaceView, RouteView
from edge.config.metal import FIRST_LINK, MetalNetwork, render_metal
from edge.config.patch import parse_patch, patch_config
from edge.meta import keys
from edge.node.configuration import parse_configuration
from edge.node.control.hostname import HostnameController
from edge.node.control.network import NetworkController
from edge.node.machine import Machine
from edge.node.metal import metal_network, wanted_network
from edge.node.network.choice import is_chosen
from edge.node.resource import kind
from tests.fakes.node import FakePlatform, write_disk

NewMachine = Callable[[], Machine]
LINK = InterfaceView(
    name="eth0",
    addresses=(ip_interface("10.0.0.5/24"),),
    routes=(RouteView(gateway=ip_address("10.0.0.1"), metric=1024),),
)
METAL = MetalNetwork(
    hostname="n1.example", interfaces=(LINK,), nameservers=(ip_address("10.0.0.1"),)
)


@pytest.fixture
async def machine(new_machine: NewMachine, platform: FakePlatform, node_key: bytes) -> Machine:
    """A machine in maintenance whose card brought a network."""
    values = {keys.NODE_KEY: node_key, keys.METAL_NETWORK: render_metal(METAL)}
    write_disk(platform.disk, values)
    made = new_machine()
    await made.boot()
    return made


async def _configure(machine: Machine, generated: Generated, patch: str) -> None:
    text = patch_config(generated.worker, [parse_patch(patch)])
    machine.activate(parse_configuration(text.encode()))


async def test_card_network_is_acted_on_in_maintenance(
    machine: Machine, platform: FakePlatform
) -> None:
    """Name, addresses, routes and resolvers, without any configuration."""
    await NetworkController(machine).reconcile()
    await HostnameController(machine).reconcile()
    assert platform.fake_network.applied == [METAL]
    name = machine.store.spec(kind.HOSTNAME_STATUS, "hostname")
    assert name == {"hostname": "n1", "domainname": "example"}


async def test_configured_node_stays_where_it_was_found(
    machine: Machine, generated: Generated
) -> None:
    """A configuration that says nothing of the network leaves the card's in place."""
    await _configure(machine, generated, "machine: {sysctls: {a: b}}")
    wanted = wanted_network(machine)
    assert wanted is not None
    assert wanted.interfaces == (LINK,)
    assert (wanted.hostname, wanted.nameservers) == ("n1.example", METAL.nameservers)


async def test_configuration_counts_more_than_the_card(
    machine: Machine, generated: Generated
) -> None:
    """Where it says something."""
    patch = """
machine:
  network:
    interfaces: [{interface: eth0, addresses: [10.0.0.9/24]}]
    nameservers: [10.0.0.2]
---
apiVersion: v1alpha1
kind: HostnameConfig
auto: "off"
hostname: other
"""
    await _configure(machine, generated, patch)
    wanted = wanted_network(machine)
    assert wanted is not None
    assert [str(each.addresses[0]) for each in wanted.interfaces] == ["10.0.0.9/24"]
    assert (wanted.hostname, list(map(str, wanted.nameservers))) == ("other", ["10.0.0.2"])


async def test_unreadable_network_is_a_diagnostic(machine: Machine) -> None:
    """The node goes on with DHCP and says why; a better value clears it."""
    machine.publish_meta(keys.METAL_NETWORK, b"addresses: [{address: 10.0.0.500/24}]")
    assert metal_network(machine) is None
    message = machine.store.spec(kind.DIAGNOSTIC, "metal-network")["message"]
    assert "addresses[0].address: '10.0.0.500/24' cannot be read" in message
    machine.publish_meta(keys.METAL_NETWORK, render_metal(METAL))
    assert metal_network(machine) == METAL
    assert machine.store.get(kind.DIAGNOSTIC, "metal-network") is None


def test_addresses_without_a_link_go_to_the_first_real_one() -> None:
    """Two links with one address would fight over it; DHCP may run on all."""
    links = {
        name: {"hardwareAddr": "", "driver": "", "busPath": bus, "pciID": ""}
        for name, bus in (("lo", ""), ("enp2s0", "0000:02:00.0"), ("enp1s0", "0000:01:00.0"))
    }
    fixed = InterfaceView(selector=FIRST_LINK, addresses=LINK.addresses)
    assert [name for name in links if is_chosen(name, fixed, links)] == ["enp1s0"]
    leased = InterfaceView(selector=FIRST_LINK, dhcp=True)
    assert [name for name in links if is_chosen(name, leased, links)] == ["enp2s0", "enp1s0"]


def test_maintenance_needs_no_models() -> None:
    """They take a slow board seconds to load, and the network of a card is not one of them."""
    code = "import sys, edge.node.metal; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
