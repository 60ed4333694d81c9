# SPDX-License-Identifier: Apache-2.0
"""What the configuration wants, as resources: network, kernel parameters, the kubelet."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from edge.config.generate import Generated
from edge.node.configuration import Configuration, parse_configuration
from edge.node.control.intent import INPUTS, IntentController
from edge.node.control.kubernetes import KubeletController, NodenameController
from edge.node.control.system import SysctlController
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.node.resource.definition import Kind
from tests.fakes.node import FakePlatform

MORE = """
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: node.example
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
mtu: 1400
addresses:
  - address: 10.0.0.2/24
routes:
  - destination: 10.1.0.0/16
    gateway: 10.0.0.1
    metric: 7
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: eth1
---
apiVersion: v1alpha1
kind: ResolverConfig
nameservers:
  - address: 10.0.0.53
---
apiVersion: v1alpha1
kind: StaticHostConfig
name: 10.0.0.5
hostnames: [store, store.lan]
---
apiVersion: v1alpha1
kind: SysctlConfig
params:
  net.ipv4.ip_forward: "1"
  refused: "1"
"""


@pytest.fixture
async def machine(new_machine: Callable[[], Machine]) -> Machine:
    return new_machine()


@pytest.fixture
def configuration(generated: Generated) -> Configuration:
    text = generated.controlplane.split("\n---\n")[0] + MORE
    return parse_configuration(text.encode())


def specs(machine: Machine, known: Kind, namespace: str = "") -> dict[str, Any]:
    """Return the specifications of a kind by id."""
    found = machine.store.select(known.type, namespace or known.namespace)
    return {each.id: each.spec for each in found}


async def test_each_setting_with_its_layer(machine: Machine, configuration: Configuration) -> None:
    """The input is named after the layer, the result after the setting."""
    machine.activate(configuration)
    await IntentController(machine).reconcile()
    link = specs(machine, kind.LINK_SPEC)["eth0"]
    assert (link["mtu"], link["layer"]) == (1400, "configuration")
    assert list(specs(machine, kind.ADDRESS_SPEC)) == ["eth0/10.0.0.2/24"]
    assert list(specs(machine, kind.ADDRESS_SPEC, INPUTS)) == ["configuration/eth0/10.0.0.2/24"]
    route = specs(machine, kind.ROUTE_SPEC)["inet4/10.0.0.1/10.1.0.0/16/7"]
    assert route["outLinkName"] == "eth0"
    assert specs(machine, kind.OPERATOR_SPEC)["dhcp4/eth1"]["linkName"] == "eth1"
    assert specs(machine, kind.HOSTNAME_SPEC)["hostname"] == {
        "hostname": "node",
        "domainname": "example",
        "layer": "configuration",
    }
    assert specs(machine, kind.RESOLVER_SPEC)["resolvers"]["dnsServers"] == ["10.0.0.53"]
    assert specs(machine, kind.STATIC_HOST) == {
        "store": {"addresses": ["10.0.0.5"]},
        "store.lan": {"addresses": ["10.0.0.5"]},
    }


async def test_a_link_that_is_chosen_by_what_it_is(machine: Machine, generated: Generated) -> None:
    """It has its name once it is there."""
    interface = """
    network:
        interfaces:
            - deviceSelector: {hardwareAddr: "02:*"}
              addresses: [10.0.0.3/24]
"""
    text = generated.controlplane.replace("machine:\n", f"machine:{interface}", 1)
    machine.activate(parse_configuration(text.encode()))
    controller = IntentController(machine)
    await controller.reconcile()
    assert specs(machine, kind.ADDRESS_SPEC) == {}
    for name, address in (("eth0", "06:00:00:00:00:01"), ("eth1", "02:00:00:00:00:01")):
        link = {"type": "ether", "hardwareAddr": address}
        machine.store.put(kind.LINK_STATUS, name, link, owner="test")
    await controller.reconcile()
    assert list(specs(machine, kind.ADDRESS_SPEC)) == ["eth1/10.0.0.3/24"]


async def test_what_is_no_longer_wanted_goes(
    machine: Machine, configuration: Configuration, generated: Generated
) -> None:
    """Applying another configuration leaves nothing of the one before."""
    controller = IntentController(machine)
    machine.activate(configuration)
    await controller.reconcile()
    machine.activate(parse_configuration(generated.controlplane.encode()))
    await controller.reconcile()
    assert specs(machine, kind.ADDRESS_SPEC) == {}
    assert specs(machine, kind.ADDRESS_SPEC, INPUTS) == {}
    assert specs(machine, kind.STATIC_HOST) == {}


async def test_without_a_configuration_nothing_is_wanted(machine: Machine) -> None:
    """The kinds are empty."""
    await IntentController(machine).reconcile()
    await KubeletController(machine).reconcile()
    assert specs(machine, kind.LINK_SPEC) == {}
    assert specs(machine, kind.KUBELET_SPEC) == {}


async def test_kernel_parameters_are_put_back(
    machine: Machine, platform: FakePlatform, configuration: Configuration, generated: Generated
) -> None:
    """What is refused says so; what is wanted no more is as it was before."""
    controller = SysctlController(machine)
    machine.activate(configuration)
    await controller.reconcile()
    status = specs(machine, kind.KERNEL_PARAM_STATUS)
    assert status["proc.sys.refused"]["unsupported"]
    before = status["proc.sys.net.ipv4.ip_forward"]["default"]
    assert before in ("0", "1")
    assert platform.sysctls == {"net.ipv4.ip_forward": "1"}
    assert "refused" in machine.store.spec(kind.DIAGNOSTIC, "sysctl")["message"]
    machine.activate(parse_configuration(generated.controlplane.encode()))
    await controller.reconcile()
    assert platform.sysctls == {"net.ipv4.ip_forward": before}
    assert specs(machine, kind.KERNEL_PARAM_STATUS) == {}
    assert specs(machine, kind.DIAGNOSTIC) == {}


async def test_the_kubelet_that_is_wanted(machine: Machine, generated: Generated) -> None:
    """Its name follows the host's; image and arguments are the configuration's."""
    wanted = "image: 'kubelet:v1', extraArgs: {v: '2'}, registerWithFQDN: true"
    pattern = r"    kubelet:.*\n(        .*\n)*"
    text = re.sub(pattern, f"    kubelet: {{{wanted}}}\n", generated.controlplane)
    machine.activate(parse_configuration(text.encode()))
    name = {"hostname": "Node", "domainname": "lan"}
    machine.store.put(kind.HOSTNAME_STATUS, "hostname", name, owner="test")
    await NodenameController(machine).reconcile()
    await KubeletController(machine).reconcile()
    assert specs(machine, kind.NODENAME)["nodename"]["nodename"] == "node.lan"
    spec = specs(machine, kind.KUBELET_SPEC)["kubelet"]
    assert spec["expectedNodename"] == "node.lan"
    assert spec["args"] == ["--v=2"]
    assert spec["image"] == "kubelet:v1"
