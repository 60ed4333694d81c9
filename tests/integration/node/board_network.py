# SPDX-License-Identifier: Apache-2.0
"""A board's network code in a network namespace of its own; prints what became of the links.

Run by `test_board_network.py` below `unshare --net --mount`.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

from edge.config.interface import InterfaceView, RouteView
from edge.config.load import load
from edge.config.metal import MetalNetwork, parse_metal, render_metal
from edge.config.view import NodeView, view
from edge.errors import EdgeError
from edge.node.boot import syscall
from edge.node.network.board import HOSTS, RESOLV_CONF, BoardNetwork
from edge.node.resource import kind
from edge.node.resource.encode import to_wire
from edge.node.resource.store import Store

ROOT = "version: v1alpha1\nmachine:\n  type: worker\n"


def ip(*arguments: str) -> None:
    """Change the namespace's links by hand."""
    subprocess.run(["ip", *arguments], check=True)


def plug(name: str) -> None:
    """Connect a new link by a cable to a switch that is a namespace further."""
    ip("link", "add", name, "type", "veth", "peer", "name", name, "netns", "switch")
    ip("-n", "switch", "link", "set", name, "up")


def interfaces(text: str) -> NodeView:
    """Return the view of a configuration with these interfaces."""
    network = "".join(f"      {line}\n" for line in text.strip().splitlines())
    more = "    nameservers: [10.9.0.1]\n    extraHostEntries: [{ip: 10.9.0.9, aliases: [nine]}]\n"
    return view(load(f"{ROOT}  network:\n    interfaces:\n{network}{more}"))


async def look(network: BoardNetwork) -> dict[str, Any]:
    """Return what is published, and check that all of it can be sent."""
    store = Store()
    await network.observe(store)
    kinds = (kind.LINK_STATUS, kind.ADDRESS_STATUS, kind.ROUTE_STATUS, kind.RESOLVER_STATUS)
    for each in (resource for known in kinds for resource in store.of_kind(known)):
        to_wire(each)
    return {
        "links": {r.id: r.spec["operationalState"] for r in store.of_kind(kind.LINK_STATUS)},
        "addresses": [r.id for r in store.of_kind(kind.ADDRESS_STATUS) if "fe80" not in r.id],
        "routes": [r.id for r in store.of_kind(kind.ROUTE_STATUS) if "fe80" not in r.id],
        "resolvers": store.spec(kind.RESOLVER_STATUS, "resolvers")["dnsServers"],
    }


async def apply(network: BoardNetwork, wanted: NodeView | None) -> str:
    """Apply a view and return its fault."""
    try:
        await network.apply(wanted)
    except EdgeError as error:
        return error.message
    return ""


async def static() -> dict[str, Any]:
    """Give a link an address and routes, then others, then none."""
    network = BoardNetwork()
    first = """
- interface: eth0
  addresses: [10.9.0.2/24, "fd09::2/64"]
  mtu: 1400
  routes: [{gateway: 10.9.0.1}, {network: 10.8.0.0/16, gateway: 10.9.0.1, metric: 7}]
"""
    await network.apply(interfaces(first))
    await network.apply(interfaces(first))
    before = await look(network)
    await network.apply(interfaces("- interface: eth0\n  addresses: [10.9.0.3/24]"))
    after = await look(network)
    return {
        "before": before,
        "after": after,
        "resolv": RESOLV_CONF.read_text(),
        "hosts": HOSTS.read_text(),
    }


async def metal() -> dict[str, Any]:
    """Act on what a card brought, in the form that META has it, and on nothing else."""
    network = BoardNetwork()
    link = InterfaceView(
        name="eth0",
        addresses=(ip_interface("10.9.0.7/24"),),
        routes=(RouteView(gateway=ip_address("10.9.0.1")),),
    )
    wanted = MetalNetwork(interfaces=(link,), nameservers=(ip_address("10.9.0.1"),))
    await network.apply(parse_metal(render_metal(wanted)))
    seen, clients = await look(network), sorted(network.clients)
    await network.close()
    return {"seen": seen, "clients": clients, "resolv": RESOLV_CONF.read_text()}


async def fault() -> dict[str, Any]:
    """Want the impossible of one link and the possible of another."""
    network = BoardNetwork()
    message = await apply(
        network,
        interfaces("""
- interface: eth0
  addresses: [10.9.0.2/24]
  routes: [{network: 10.8.0.0/16, gateway: 192.0.2.1}]
- interface: eth1
  addresses: [10.9.1.2/24]
"""),
    )
    return {"message": message, "seen": await look(network)}


async def lost() -> dict[str, Any]:
    """Ask for a lease where nobody grants one, and pull the link out and in again."""
    network = BoardNetwork()
    await network.apply(None)
    started = sorted(network.clients)
    ip("link", "del", "eth0")
    await asyncio.sleep(0.2)
    await network.apply(None)
    gone = sorted(network.clients)
    plug("eth0")
    await network.apply(None)
    again = sorted(network.clients)
    await network.close()
    return {"started": started, "gone": gone, "again": again, "end": sorted(network.clients)}


def main() -> None:
    """Run the named scene on two links."""
    scenes: dict[str, Callable[[], Any]] = {
        "static": static,
        "metal": metal,
        "fault": fault,
        "lost": lost,
    }
    syscall.mount("tmpfs", Path("/run"), "tmpfs")
    ip("netns", "add", "switch")
    for name in ("eth0", "eth1"):
        plug(name)
    print(json.dumps(asyncio.run(scenes[sys.argv[1]]())))


if __name__ == "__main__":
    main()
