# SPDX-License-Identifier: Apache-2.0
"""The DHCP client of a board against real servers at the other end of a cable.

Run by `test_leases.py` below `unshare --net --mount`; prints what became of the link.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from edge.config.load import load
from edge.config.view import view
from edge.node.boot import syscall
from edge.node.network.dhcp.client import DhcpClient
from edge.node.network.dhcp.lease import Lease
from edge.node.network.netlink import Netlink
from tests.integration.node.board_network import (
    ROOT,
    WITHOUT_ROUTES,
    apply,
    cabled,
    ip,
    look,
    plug,
    until,
)

PATIENCE_S = 20.0
LEASE_S = 10


class Listener:
    """What a client tells, and after how many seconds."""

    def __init__(self) -> None:
        self.told: list[tuple[float, Lease | None]] = []
        self._began = time.monotonic()
        self._news = asyncio.Event()

    async def __call__(self, link: str, lease: Lease | None) -> None:
        assert lease is None or lease.link == link
        self.told.append((time.monotonic() - self._began, lease))
        self._news.set()

    async def until(self, count: int) -> Lease | None:
        """Wait until so much was told; return the latest."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.told) < count:
                self._news.clear()
                await self._news.wait()
        return self.told[count - 1][1]


@asynccontextmanager
async def server(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a server behind the switch."""
    process = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", "switch", *command), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def dnsmasq(network: str, *options: str) -> Any:
    """Serve addresses of a network such as 10.9.0, and know that no other is right."""
    return server(
        *("dnsmasq", "--keep-in-foreground", "--port=0", "--no-ping", "--interface=eth0"),
        *(f"--dhcp-range={network}.50,{network}.60", "--dhcp-authoritative", "--leasefile-ro"),
        *("--conf-file=/dev/null", "--pid-file=", *options),
    )


def udhcpd(*options: str) -> Any:
    """Serve 10.9.0.50 for `LEASE_S`, which others do not."""
    file = Path("/run/udhcpd.conf")
    Path("/run/udhcpd.leases").touch()
    lines = (
        *("interface eth0", "start 10.9.0.50", "end 10.9.0.50", "lease_file /run/udhcpd.leases"),
        *("pidfile /run/udhcpd.pid", f"min_lease {LEASE_S}", f"option lease {LEASE_S}"),
        *("option subnet 255.255.255.0", "option router 10.9.0.1", *options),
    )
    file.write_text("".join(f"{line}\n" for line in lines))
    return server("busybox", "udhcpd", "-f", str(file))


@asynccontextmanager
async def asking(link: str = "eth0") -> AsyncIterator[Listener]:
    """Run a client on a link."""
    heard = Listener()
    ip("link", "set", link, "up")
    client = DhcpClient(link, "board", heard)
    await client.start()
    try:
        yield heard
    finally:
        await client.stop()


async def grant() -> dict[str, Any]:
    """Get all that dnsmasq grants."""
    options = (
        *("--dhcp-option=option:router,10.9.0.1", "--dhcp-option=option:dns-server,10.9.0.3"),
        *("--domain=site.example", "--dhcp-option=121,10.8.0.0/16,10.9.0.2,0.0.0.0/0,10.9.0.4"),
    )
    async with dnsmasq("10.9.0", *options), asking() as heard:
        lease = await heard.until(1)
    assert lease
    return {
        "length": lease.address.network.prefixlen,
        "network": str(lease.address.network),
        "gateway": lease.gateway,
        "routes": lease.routes,
        "resolvers": lease.resolvers,
        "domain": lease.domain,
    }


async def renew() -> dict[str, Any]:
    """Renew a short lease, asking the server alone."""
    network = cabled()
    capture = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", "switch", sys.executable, "-c", _COUNT),
        stdout=asyncio.subprocess.PIPE,
    )
    assert capture.stdout
    await capture.stdout.readline()
    addresses: list[bool] = []
    async with udhcpd():
        await network.apply(None)
        async with asyncio.timeout(PATIENCE_S):
            while len(addresses) < 2 * LEASE_S:
                await asyncio.sleep(0.8)
                seen = await look(network)
                addresses.append("eth0/10.9.0.50/24" in seen["addresses"])
                if not any(addresses):
                    addresses.clear()
        await network.close()
    capture.terminate()
    lines = (await capture.stdout.read()).decode().split()
    return {"always there": all(addresses), "asked the server": lines.count("10.9.0.1")}


# Sees what is sent to servers, and to which address.
_COUNT = """
import socket
seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
seen.bind(("eth0", 0x0800))
print("ready", flush=True)
while True:
    data = seen.recv(4096)
    if data[9] == 17 and data[22:24] == b"\\0\\x43":
        print(socket.inet_ntoa(data[16:20]), flush=True)
"""


async def refused() -> dict[str, Any]:
    """Plug the cable into another network, which refuses the lease of the first one."""
    network = cabled()
    seen = []
    async with dnsmasq("10.9.0"):
        await network.apply(None)
        seen.append(await _until(network, "10.9.0."))
    ip("-n", "switch", "link", "set", "eth0", "down")
    ip("-n", "switch", "addr", "flush", "dev", "eth0")
    ip("-n", "switch", "addr", "add", "10.7.0.1/24", "dev", "eth0")
    # Before the kernel has told anybody that it was down.
    ip("-n", "switch", "link", "set", "eth0", "up")
    async with dnsmasq("10.7.0"):
        seen.append(await _until(network, "10.7.0."))
        still_there = [each for each in seen[-1] if "10.9.0." in each]
        await network.close()
    return {"old": len(seen[0]), "new": len(seen[1]), "left": still_there}


async def silent() -> dict[str, Any]:
    """Start before the server does."""
    async with asking() as heard:
        await asyncio.sleep(2.0)
        before = len(heard.told)
        async with dnsmasq("10.9.0"):
            lease = await heard.until(1)
    return {"before": before, "leased": lease is not None, "within": heard.told[0][0] < 9}


async def lost() -> dict[str, Any]:
    """Lose a lease whose server is gone, and get one when it is back."""
    network = cabled()
    async with udhcpd():
        await network.apply(None)
        first = await _until(network, "10.9.0.50")
    gone = await _until(network, "10.9.0.50", there=False)
    routes = (await look(network))["routes"]
    async with udhcpd():
        again = await _until(network, "10.9.0.50")
        await network.close()
    return {"first": len(first), "gone": gone, "routes": routes, "again": len(again)}


async def pulled() -> dict[str, Any]:
    """Take the link down by hand; a board brings it up again, and its client is the same."""
    network = cabled()
    async with dnsmasq("10.9.0", "--dhcp-option=option:router,10.9.0.1"):
        await network.apply(None)
        first = await _until(network, "10.9.0.")
        client = network.clients["eth0"]
        ip("link", "set", "eth0", "down")
        await network.apply(None)
        seen = await look(network)
        is_same = network.clients["eth0"] is client and client.is_alive
        await network.close()
    return {
        "kept": [each for each in seen["addresses"] if "10.9.0." in each] == first,
        "route": "inet4/10.9.0.1//1024" in seen["routes"],
        "same": is_same,
    }


async def narrow() -> dict[str, Any]:
    """Lease an address without a network, whose gateway is on the link; then want no routes."""
    network = cabled()
    routes = "10.8.0.0/16,10.128.0.1,10.128.0.1/32,0.0.0.0,0.0.0.0/0,10.128.0.1"
    async with dnsmasq("10.9.0", "--dhcp-option=1,255.255.255.255", f"--dhcp-option=121,{routes}"):
        await network.apply(None)
        seen = [await until(network, "inet4/10.128.0.1//1024")]
        again = await apply(network, None)
        await network.apply(view(load(f"{ROOT}---\n{WITHOUT_ROUTES}")))
        seen.append(await look(network))
        await network.close()
    return {"again": again, "routes": [each["routes"] for each in seen]}


async def strange() -> dict[str, Any]:
    """Lease routes of which one leads through a gateway that is nowhere."""
    network = cabled()
    routes = "10.8.0.0/16,192.0.2.1,10.7.0.0/16,10.9.0.2,0.0.0.0/0,10.9.0.1"
    async with dnsmasq("10.9.0", f"--dhcp-option=121,{routes}"):
        await network.apply(None)
        seen = await until(network, "inet4/10.9.0.1//1024")
        fault = await apply(network, None)
        await network.close()
    leased = sorted(each for each in seen["routes"] if each.endswith("/1024"))
    return {"routes": leased, "fault": fault}


async def told() -> dict[str, Any]:
    """Take over the address of a board that neighbours still know."""
    ip("-n", "switch", "neigh", "add", "10.9.0.50", "lladdr", "02:00:5e:00:00:99", "dev", "eth0")
    ip("-n", "switch", "neigh", "change", "10.9.0.50", "dev", "eth0", "nud", "stale")
    network = cabled()
    async with udhcpd():
        await network.apply(None)
        await _until(network, "10.9.0.50")
        await network.close()
    shown = _json("-n", "switch", "neigh", "show", "10.9.0.50", "dev", "eth0")
    own = _json("link", "show", "eth0")
    return {"known": shown[0].get("lladdr") == own[0]["address"]}


async def compare() -> dict[str, Any]:
    """Say what `ip` sees otherwise than we do."""
    for line in _RICH.strip().splitlines():
        ip(*line.split())
    async with Netlink() as netlink:
        links = await netlink.links()
        addresses = await netlink.addresses(links)
        routes = await netlink.routes(links)
    fields = ("mtu", "queueDisc", "operationalState", "hardwareAddr", "kind", "index")
    seen_links = {name: [spec[each] for each in fields] for name, spec in links.items()}
    ip_links = {each["ifname"]: _link(each) for each in _json("-d", "link")}
    seen_addresses = sorted(
        [spec["linkName"], spec["local"], spec["scope"], spec.get("broadcast", "")]
        for spec in addresses.values()
        if spec["scope"] != "link" or spec["family"] == "inet4"
    )
    ip_addresses = sorted(
        [link["ifname"], each["local"], each["scope"], each.get("broadcast", "")]
        for link in _json("-d", "addr")
        for each in link["addr_info"]
        if each["scope"] != "link" or each["family"] == "inet"
    )
    seen_routes = sorted(
        [
            *(spec["dst"], spec["gateway"], spec["outLinkName"], spec["protocol"]),
            *(spec["priority"], spec.get("src", "")),
        ]
        for spec in routes.values()
        if spec["dst"] != _OF_LINKS
    )
    ip_routes = sorted(
        _route(each)
        for family in ("-4", "-6")
        for each in _json(family, "-d", "route", "show", "table", "main")
        if each["type"] == "unicast" and each["dst"] != _OF_LINKS
    )
    return {
        "links": [seen_links, ip_links],
        "addresses": [seen_addresses, ip_addresses],
        "routes": [seen_routes, ip_routes],
    }


_RICH = """
link set lo up
link set eth0 up
link add br0 type bridge
link set eth1 master br0
link set eth1 up mtu 1400
tuntap add tun7 mode tun
addr add 10.9.0.2/24 dev eth0
addr add 10.9.1.2/24 broadcast 10.9.1.255 dev eth0
addr add 10.5.0.1 peer 10.5.0.2/32 dev eth0
addr add 10.4.0.1/24 scope link dev eth0
addr add fd09::2/64 dev eth0 nodad
route add default via 10.9.0.1 proto static metric 100 src 10.9.0.2
route add 10.8.0.0/16 via 10.9.0.1 proto static mtu 1300
route add 10.81.0.0/16 proto static nexthop via 10.9.0.1 nexthop via 10.9.1.1
route add 10.82.0.0/16 via 10.9.0.1 table 1000 proto static
route add 10.83.0.0/16 via 10.9.0.1 proto dhcp
route add blackhole 10.85.0.0/16 proto static
route add fd08::/64 via fd09::1 proto static metric 77
route add default via fd09::1 proto ra
"""


# The kernel makes them when it likes.
_OF_LINKS = "fe80::/64"


def _link(shown: dict[str, Any]) -> list[Any]:
    state = shown["operstate"].lower()
    hardware = shown.get("address", "00:00:00:00:00:00")
    kind = shown.get("linkinfo", {}).get("info_kind", "")
    return [
        *(
            shown["mtu"],
            shown.get("qdisc", ""),
            {"lowerlayerdown": "lowerLayerDown"}.get(state, state),
        ),
        *(hardware, kind, shown["ifindex"]),
    ]


def _route(shown: dict[str, Any]) -> list[Any]:
    target = "" if shown["dst"] == "default" else shown["dst"]
    if target and "/" not in target:
        target += "/32"
    return [
        *(target, shown.get("gateway", ""), shown.get("dev", ""), shown["protocol"]),
        *(shown.get("metric", 0), shown.get("prefsrc", "")),
    ]


def _json(*arguments: str) -> Any:
    done = subprocess.run(["ip", "-j", *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout or "[]")


async def _until(network: Any, part: str, *, there: bool = True) -> list[str]:
    """Look until an address with `part` in it is on the link, or is not any more."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen = [each for each in (await look(network))["addresses"] if part in each]
            if bool(seen) == there:
                return seen
            await asyncio.sleep(0.1)


def main() -> None:
    """Run the named scene on two links, of which one leads to a server's place."""
    scenes: dict[str, Callable[[], Any]] = {
        **{"grant": grant, "renew": renew, "refused": refused, "silent": silent, "lost": lost},
        **{"pulled": pulled, "told": told, "compare": compare},
        **{"narrow": narrow, "strange": strange},
    }
    syscall.mount("tmpfs", Path("/run"), "tmpfs")
    ip("netns", "add", "switch")
    for name in ("eth0", "eth1"):
        plug(name)
    ip("-n", "switch", "addr", "add", "10.9.0.1/24", "dev", "eth0")
    print(json.dumps(asyncio.run(scenes[sys.argv[1]]())))


if __name__ == "__main__":
    main()
