# SPDX-License-Identifier: Apache-2.0
"""Nodes that come up as their cards want, with nobody there to configure them."""

from edge.client.client import connect
from edge.client.trust import Blind
from edge.config.patch import parse_patch, patch_config
from edge.errors import NodeError
from edge.meta import keys
from edge.meta.partition import MetaPartition
from edge.node.disk import open_disk
from edge.node.volume import open_meta
from edge.provision.lab import LabNode
from flasher.card import CardSpec
from tests.integration.node.conftest import Bench, patiently

HOSTNAME = 'apiVersion: v1alpha1\nkind: HostnameConfig\nauto: "off"\nhostname: kiosk-7\n'
_HOSTNAMES = "HostnameStatuses.net.talos.dev"


def _meta(node: LabNode) -> MetaPartition:
    disk = open_disk(node.folder / "disk.img")
    assert disk
    meta = open_meta(disk)
    assert meta
    return meta


async def test_card_with_a_configuration_makes_a_configured_node(bench: Bench) -> None:
    """Flash, switch on, done: the node has its name and serves administrators, also later."""
    node = bench.lab.create("kiosk", card=CardSpec(name="kiosk"))
    bench.lab.down(["kiosk"])
    text = patch_config(bench.generate(node).controlplane, [parse_patch(HOSTNAME)])
    spec = CardSpec(name="kiosk", configuration=text.encode())
    node = bench.lab.create("kiosk", card=spec)
    assert _meta(node).read()[keys.MACHINE_CONFIG] == text.encode()
    for _ in range(2):
        node = bench.lab.start("kiosk")
        async with bench.administrator(node) as client:
            name = await client.resource(_HOSTNAMES, "network", "hostname")
            assert name.spec["hostname"] == "kiosk-7"
        assert await bench.stage(node) == "running"
        assert keys.MACHINE_CONFIG not in _meta(node).read()
        bench.lab.stop("kiosk")


async def test_card_with_a_bad_configuration_says_so_in_maintenance(bench: Bench) -> None:
    """The node is up, takes a better one, and tells what was wrong with the first."""
    bench.lab.create("bad", card=CardSpec(configuration=b"version: v1alpha1\nmachine: 7\n"))
    node = bench.lab.start("bad")
    async with connect(node.address, Blind()) as client:
        found = await client.resources("Diagnostics.runtime.talos.dev", "runtime")
        assert "the card brought is not valid" in found[0].spec["message"]
    assert await bench.stage(node) == "maintenance"


async def test_card_with_a_name_alone_names_its_node(bench: Bench) -> None:
    """Already in maintenance, for whoever has to tell a shelf of them apart."""
    bench.lab.create("named", card=CardSpec(hostname="shelf-3.example"))
    node = bench.lab.start("named")

    async def look() -> None:
        async with connect(node.address, Blind()) as client:
            name = await client.resource(_HOSTNAMES, "network", "hostname")
            if name.spec != {"hostname": "shelf-3", "domainname": "example"}:
                raise NodeError(f"is called {name.spec}")

    await patiently(look)
