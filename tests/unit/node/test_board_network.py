# SPDX-License-Identifier: Apache-2.0
"""What a board publishes of its network, with a kernel that is played here."""

import asyncio

from edge.node.network.board import BoardNetwork
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
