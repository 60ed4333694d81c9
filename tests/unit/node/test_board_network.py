# SPDX-License-Identifier: Apache-2.0
"""What a board publishes of its network, with a kernel that is played here."""

import asyncio
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from edge.node.log import start_logging
from edge.node.network import kept
from edge.node.network.board import BoardNetwork
from edge.node.network.dhcp.client import DhcpClient
from edge.node.network.dhcp.lease import Lease
from edge.node.network.netlink import Netlink
from edge.node.network.spec import Specs
from edge.node.resource import kind
from edge.node.resource.store import Store


class Kernel:
    """Tells the addresses of the moment at which it was asked, but later if it is slow."""

    def __init__(self) -> None:
        self.present: tuple[str, ...] = ()
        self.pause: asyncio.Event | None = None

    def connect(self) -> Netlink:
        """Return a socket to it."""
        return FakeNetlink(self)


class FakeNetlink(Netlink):
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def __aenter__(self) -> Netlink:
        return self

    async def __aexit__(self, *details: object) -> None:
        return None

    async def links(self) -> Specs:
        return {}

    async def addresses(self, links: Specs) -> Specs:
        specs = {each: {"address": each} for each in self._kernel.present}
        if self._kernel.pause:
            await self._kernel.pause.wait()
        return specs

    async def routes(self, links: Specs) -> Specs:
        return {}


async def test_what_was_seen_earlier_is_not_published_later() -> None:
    """A look that began before a lease does not take its address back."""
    kernel, store = Kernel(), Store()
    network = BoardNetwork(netlink=kernel.connect)
    kernel.pause = pause = asyncio.Event()
    early = asyncio.create_task(network.observe(store))
    await asyncio.sleep(0)
    kernel.pause, kernel.present = None, ("10.9.0.50/24",)
    late = asyncio.create_task(network.observe(store))
    await asyncio.sleep(0)
    pause.set()
    await asyncio.gather(early, late)
    assert [each.id for each in store.of_kind(kind.ADDRESS_STATUS)] == ["10.9.0.50/24"]


async def test_a_lease_is_published_though_names_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And somebody who reads the log sees why."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(kept, "RESOLV_CONF", tmp_path / "file/resolv.conf")
    said: list[str] = []
    start_logging(said.append)
    kernel, store = Kernel(), Store()
    network = BoardNetwork(netlink=kernel.connect)
    await network.observe(store)
    network.clients["eth0"] = DhcpClient("eth0", "", network._on_lease)
    kernel.present = ("10.9.0.50/24",)
    await network._on_lease("eth0", Lease(link="eth0", address=IPv4Interface("10.9.0.50/24")))
    await asyncio.gather(*network._settling)
    assert [each.id for each in store.of_kind(kind.ADDRESS_STATUS)] == ["10.9.0.50/24"]
    assert "eth0: names cannot be written: File exists" in said[0]
