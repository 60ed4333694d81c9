# SPDX-License-Identifier: Apache-2.0
"""A board's network code in a network namespace of its own; prints what became of the links.

Run by `test_board_network.py` below `unshare --net --mount`.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

from edge.config.generate import generate
from edge.config.interface import InterfaceView, RouteView
from edge.config.load import load
from edge.config.metal import MetalNetwork, parse_metal, render_metal
from edge.config.patch import parse_patch, patch_config
from edge.config.talosconfig import dump_talosconfig
from edge.config.view import NodeView, view
from edge.errors import EdgeError
from edge.meta import keys
from edge.node.apply import Applier, Mode
from edge.node.boot import syscall
from edge.node.configuration import read_configuration
from edge.node.control.api import ApiController
from edge.node.control.controller import run_controller
from edge.node.control.hostname import HostnameController
from edge.node.control.network import NetworkController, NetworkStatusController
from edge.node.log import start_logging
from edge.node.machine import Machine
from edge.node.network.board import BoardNetwork
from edge.node.network.kept import HOSTS, RESOLV_CONF
from edge.node.network.rtnetlink import message as rtnl
from edge.node.network.rtnetlink.channel import Channel
from edge.node.resource import kind
from edge.node.resource.encode import to_wire
from edge.node.resource.store import Store
from edge.pki.key import new_key
from edge.pki.secrets import new_secrets
from tests.fakes.node import FakePlatform, write_disk

# The kernel tells about carriers once a second.
CARRIER_S = 1.5
OPERATOR_S = 8.0
ROOT = "version: v1alpha1\nmachine:\n  type: worker\n"


def ip(*arguments: str) -> None:
    """Change the namespace's links by hand."""
    subprocess.run(["ip", *arguments], check=True)


def is_detecting() -> bool:
    """Say whether some address may still be found to be a duplicate."""
    shown = subprocess.run(
        ["ip", "-6", "addr", "show", "tentative"], check=True, capture_output=True, text=True
    )
    return bool(shown.stdout)


def plug(name: str) -> None:
    """Connect a new link by a cable to a switch that is a namespace further."""
    ip("link", "add", name, "type", "veth", "peer", "name", name, "netns", "switch")
    ip("-n", "switch", "link", "set", name, "up")


def forbid_ipv6(name: str) -> None:
    """Have the kernel refuse every address of IPv6 on a link."""
    Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6").write_text("1")


def interfaces(text: str) -> NodeView:
    """Return the view of a configuration with these interfaces."""
    network = "".join(f"      {line}\n" for line in text.strip().splitlines())
    more = "    nameservers: [10.9.0.1]\n    extraHostEntries: [{ip: 10.9.0.9, aliases: [nine]}]\n"
    return view(load(f"{ROOT}  network:\n    interfaces:\n{network}{more}"))


def cabled() -> BoardNetwork:
    """Return the network of a board whose links are those of `plug`."""
    return BoardNetwork(cables=("veth",))


async def look(network: BoardNetwork) -> dict[str, Any]:
    """Return what is published, and check that all of it can be sent."""
    store = Store()
    await network.observe(store)
    kinds = (kind.LINK_STATUS, kind.ADDRESS_STATUS, kind.ROUTE_STATUS, kind.RESOLVER_STATUS)
    for each in (resource for known in kinds for resource in store.of_kind(known)):
        to_wire(each)
    return {
        "links": {r.id: r.spec["operationalState"] for r in store.of_kind(kind.LINK_STATUS)},
        "mtus": {r.id: r.spec["mtu"] for r in store.of_kind(kind.LINK_STATUS)},
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
    network = cabled()
    first = """
- interface: eth0
  addresses: [10.9.0.2/24, "fd09::2/64"]
  mtu: 1400
  routes: [{gateway: 10.9.0.1}, {network: 10.8.0.0/16, gateway: 10.9.0.1, metric: 7}]
"""
    await network.apply(interfaces(first))
    await network.apply(interfaces(first))
    before = await look(network)
    with RESOLV_CONF.open() as reader:
        await network.apply(interfaces("- interface: eth0\n  addresses: [10.9.0.3/24]"))
        is_replaced = os.fstat(reader.fileno()).st_nlink == 0
    after = await look(network)
    return {
        "replaced": is_replaced,
        "before": before,
        "after": after,
        "resolv": RESOLV_CONF.read_text(),
        "hosts": HOSTS.read_text(),
    }


async def metal() -> dict[str, Any]:
    """Act on what a card brought, in the form that META has it, and on nothing else."""
    network = cabled()
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


async def foreign() -> dict[str, Any]:
    """Have links of containers, without a bridge, on a board that takes what is plugged in."""
    network = BoardNetwork()
    ip("addr", "add", "10.244.0.1/32", "dev", "eth0")
    await network.apply(None)
    seen, clients = await look(network), sorted(network.clients)
    await network.close()
    return {"addresses": seen["addresses"], "clients": clients}


async def fault() -> dict[str, Any]:
    """Want the impossible of links, before and after what is possible."""
    forbid_ipv6("eth1")
    network = cabled()
    message = await apply(
        network,
        interfaces("""
- interface: eth0
  addresses: [10.9.0.2/24]
  routes: [{network: 10.8.0.0/16, gateway: 192.0.2.1}, {gateway: 10.9.0.1}]
- interface: eth1
  addresses: ["fd09::2/64", 10.9.1.2/24]
"""),
    )
    return {"message": message, "seen": await look(network)}


async def lost() -> dict[str, Any]:
    """Ask for a lease where nobody grants one, and pull the link out and in again."""
    network = cabled()
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


FIRST = """
- interface: eth0
  addresses: [10.9.0.2/24, "fd09::2/64"]
  mtu: 1400
  routes:
    - {gateway: 10.9.0.1}
    - {network: 10.8.0.0/16, gateway: 10.9.0.1, mtu: 1300}
    - {network: "fd08::/64", gateway: "fd09::1"}
"""
WITHOUT_ROUTES = "apiVersion: v1alpha1\nkind: DHCPv4Config\nname: eth0\nignoreRoutes: true\n"
OTHER = "- interface: eth0\n  addresses: [10.9.0.3/24]\n"


async def twice() -> dict[str, Any]:
    """Apply the same again while somebody listens to what the kernel tells."""
    network = cabled()
    await network.apply(interfaces(FIRST))
    # Duplicate address detection tells about itself.
    for _ in range(150):
        if not is_detecting():
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(2.5)
    before = await look(network)
    monitor = await asyncio.create_subprocess_exec(
        *("ip", "-o", "monitor", "link", "address", "route"), stdout=asyncio.subprocess.PIPE
    )
    await asyncio.sleep(0.3)
    await network.apply(interfaces(FIRST))
    await asyncio.sleep(0.3)
    monitor.terminate()
    told, _ = await monitor.communicate()
    return {"told": told.decode().splitlines(), "same": before == await look(network)}


async def converge() -> dict[str, Any]:
    """Reach one configuration from nothing, from another one of a machined that died, by hand."""
    fresh = cabled()
    await fresh.apply(interfaces(OTHER))
    await asyncio.sleep(CARRIER_S)
    wanted = await look(fresh)
    await cabled().apply(interfaces(FIRST))
    changed = await look(fresh)
    ip("addr", "add", "10.66.0.1/16", "dev", "eth0")
    ip("route", "add", "10.67.0.0/16", "via", "10.66.0.2", "proto", "static")
    ip("link", "set", "eth0", "mtu", "1350")
    await add_router_address("eth0", "10.69.0.1")
    ip("link", "add", "cni0", "type", "bridge")
    ip("addr", "add", "10.244.0.1/24", "dev", "cni0")
    after = cabled()
    await after.apply(interfaces(OTHER))
    await asyncio.sleep(CARRIER_S)
    reached = await look(after)
    others = [each for each in reached["addresses"] if "cni0" in each or "10.69" in each]
    reached["addresses"] = [each for each in reached["addresses"] if each not in others]
    del reached["links"]["cni0"]
    reached["routes"] = [each for each in reached["routes"] if "10.244" not in each]
    reached["routes"] = [each for each in reached["routes"] if "10.69" not in each]
    return {"wanted": wanted, "changed": changed, "reached": reached, "others": others}


async def add_router_address(link: str, address: str) -> None:
    """Add an address as the kernel does when a router announces a prefix for ever.

    `ip` of Debian 12 cannot.
    """
    packed = ip_address(address).packed
    body = rtnl.ADDRESS.pack(socket.AF_INET, 24, 0, 0, socket.if_nametoindex(link))
    body += rtnl.write_attribute(rtnl.ADDRESS_ADDRESS, packed)
    body += rtnl.write_attribute(rtnl.ADDRESS_LOCAL, packed)
    body += rtnl.write_attribute(rtnl.ADDRESS_PROTOCOL, b"\x02")
    channel = Channel()
    channel.open()
    await channel.request(rtnl.NEW_ADDRESS, rtnl.REPLACE_OR_CREATE, body)
    channel.close()


async def down() -> dict[str, Any]:
    """Take a link down by configuration, and up again."""
    network = cabled()
    await network.apply(interfaces(OTHER))
    off = "---\napiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\nup: {}\n"
    on = "addresses: [{address: 10.9.0.3/24}]\n"
    states = []
    for up in ("false", "true"):
        await network.apply(view(load(ROOT + off.format(up) + on)))
        await asyncio.sleep(CARRIER_S)
        seen = await look(network)
        states.append((seen["links"]["eth0"], "eth0/10.9.0.3/24" in seen["addresses"]))
    await network.close()
    return {"states": states}


async def leased() -> dict[str, Any]:
    """Get a lease from a real server, change its metric, restart machined, want no lease more."""
    ip("-n", "switch", "addr", "add", "10.9.0.1/24", "dev", "eth0")
    server = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", "switch", "dnsmasq", "--keep-in-foreground", "--port=0"),
        *("--interface=eth0", "--dhcp-range=10.9.0.50,10.9.0.60", "--dhcp-authoritative"),
        *("--conf-file=/dev/null", "--leasefile-ro", "--dhcp-option=option:router,10.9.0.1"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    wants = "- {interface: eth0, dhcp: true, dhcpOptions: {routeMetric: %d}}"
    seen = []
    try:
        network = cabled()
        await network.apply(interfaces(wants % 300))
        seen.append(await until(network, "inet4/10.9.0.1//300"))
        await network.apply(interfaces(wants % 400))
        seen.append(await until(network, "inet4/10.9.0.1//400"))
        await network.close()
        network = cabled()
        await network.apply(interfaces(wants % 400))
        seen.append(await look(network))
        seen.append(await until(network, "inet4/10.9.0.1//400"))
        await network.apply(view(load(f"{ROOT}---\n{WITHOUT_ROUTES}")))
        seen.append(await look(network))
        await network.apply(interfaces(OTHER))
        seen.append(await look(network))
        await network.close()
    finally:
        server.terminate()
        await server.wait()
    mine = [
        {
            "addresses": [address for address in each["addresses"] if "10.9.0." in address],
            "routes": [route for route in each["routes"] if "/10.9.0.1/" in route],
        }
        for each in seen
    ]
    return {"seen": mine}


async def until(network: BoardNetwork, route: str) -> dict[str, Any]:
    """Look until there is a lease and its route."""
    for _ in range(100):
        seen = await look(network)
        if route in seen["routes"] and network._leases:
            return seen
        await asyncio.sleep(0.1)
    raise AssertionError(f"no {route} in {seen}")


async def trial() -> dict[str, Any]:
    """Have an operator at the other end of the cable try a configuration that cuts him off."""
    folder = Path(tempfile.mkdtemp(dir="/run"))
    node = OperatedNode(folder)
    ip("-n", "switch", "addr", "add", "10.9.0.1/24", "dev", "eth0")
    running = asyncio.create_task(node.run())
    try:
        seen = {"before": await node.until_reached()}
        tried = await node.operator(
            *("apply-config", "-n", "10.9.0.2", "-f", str(node.cut_off)),
            *("--mode", "try", "--timeout", "6s"),
        )
        await asyncio.sleep(1)
        seen["tried"] = tried in (0, 9)
        seen["cut off"] = not await node.is_reached()
        seen["active is the tried one"] = "10.77.0.2" in node.active
        seen["again"] = await node.until_reached()
        seen["active is the old one"] = "10.77.0.2" not in node.active
        seen["kept is the old one"] = "10.77.0.2" not in node.kept
    finally:
        running.cancel()
        await asyncio.wait([running])
    return seen


class OperatedNode:
    """A node with the network of a board, its API, and an operator behind the switch."""

    def __init__(self, folder: Path) -> None:
        now = datetime.now(UTC)
        made = generate("demo", "https://10.9.0.2:6443", new_secrets(now=now), now=now)
        self._folder = folder
        self._first = self._with_address(made.controlplane, "10.9.0.2/24")
        self.cut_off = folder / "cut-off.yaml"
        self.cut_off.write_text(self._with_address(made.controlplane, "10.77.0.2/24"))
        (folder / "talosconfig").write_text(dump_talosconfig(made.talosconfig))
        write_disk(folder / "disk.img", {keys.NODE_KEY: new_key()})
        platform = FakePlatform(folder, listen="0.0.0.0")
        platform.network = cabled()
        self._machine = Machine(platform, start_logging(lambda _text: None))

    @property
    def active(self) -> str:
        """The text of the active configuration."""
        return self._machine.active.text if self._machine.active else ""

    @property
    def kept(self) -> str:
        """The text of the configuration on STATE."""
        found = self._machine.volumes.state and read_configuration(self._machine.volumes.state)
        return found.text if found else ""

    async def run(self) -> None:
        """Boot, take the first configuration, and serve."""
        await self._machine.boot()
        await Applier(self._machine).apply(self._first.encode(), Mode.AUTO)
        controllers = [
            each(self._machine)
            for each in (
                NetworkStatusController,
                HostnameController,
                ApiController,
                NetworkController,
            )
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for each in controllers:
                    group.create_task(run_controller(each))
        finally:
            for each in reversed(controllers):
                await each.close()

    async def operator(self, *words: str) -> int:
        """Run an edgectl command behind the switch; after a while it is given up."""
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", "switch", sys.executable, "-m", "edge", *words),
            *("--talosconfig", str(self._folder / "talosconfig")),
            env={**os.environ, "EDGECTL_HOME": str(self._folder / "home")},
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            return await asyncio.wait_for(process.wait(), OPERATOR_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            return -1

    async def is_reached(self) -> bool:
        """Say whether the operator sees the node now."""
        try:
            async with asyncio.timeout(1):
                process = await asyncio.create_subprocess_exec(
                    *("ip", "netns", "exec", "switch", "bash", "-c"),
                    "exec 3<>/dev/tcp/10.9.0.2/50000",
                    stderr=asyncio.subprocess.DEVNULL,
                )
                return await process.wait() == 0
        except TimeoutError:
            process.kill()
            await process.wait()
            return False

    async def until_reached(self) -> bool:
        """Wait until the node answers the operator's edgectl."""
        for _ in range(40):
            if await self.is_reached() and await self.operator("version", "-n", "10.9.0.2") == 0:
                return True
            await asyncio.sleep(0.5)
        return False

    @staticmethod
    def _with_address(text: str, address: str) -> str:
        interface = f"{{interface: eth0, addresses: [{address}]}}"
        patch = f"machine: {{network: {{interfaces: [{interface}]}}}}"
        return patch_config(text, [parse_patch(patch)])


def main() -> None:
    """Run the named scene on two links."""
    scenes: dict[str, Callable[[], Any]] = {
        "static": static,
        "metal": metal,
        "foreign": foreign,
        "fault": fault,
        "lost": lost,
        "twice": twice,
        "converge": converge,
        "down": down,
        "leased": leased,
        "trial": trial,
    }
    syscall.mount("tmpfs", Path("/run"), "tmpfs")
    ip("netns", "add", "switch")
    for name in ("eth0", "eth1"):
        plug(name)
    print(json.dumps(asyncio.run(scenes[sys.argv[1]]())))


if __name__ == "__main__":
    main()
