# SPDX-License-Identifier: Apache-2.0
"""A DHCPv4 client on one link: keeps a lease and tells what it grants."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from edge.node.log import logger
from edge.node.network.dhcp.dialogue import EVERYBODY, Dialogue
from edge.node.network.dhcp.lease import FOREVER, Lease
from edge.node.network.dhcp.packet import Packet, read_packet, write_packet
from edge.node.network.dhcp.wire import Wire

Listener = Callable[[str, Lease | None], Awaitable[None]]
NewWire = Callable[[str, Callable[[bytes], None], Callable[[bool], None]], Wire]
_WAITING = 64
"""How many packets may wait; further ones are dropped, as a network may do."""
_log = logger("network")


class DhcpClient:
    """A running client; `listener(link, lease)` is awaited on every grant and loss.

    It outlives times without a carrier, and confirms its lease when there is one again.
    """

    def __init__(
        self, link: str, hostname: str, listener: Listener, *, wire: NewWire = Wire
    ) -> None:
        self._link = link
        self._hostname = hostname
        self._listener = listener
        self._wire = wire(link, self._hear, self._change)
        self._heard: asyncio.Queue[Packet | bool] = asyncio.Queue(_WAITING)
        self._news: list[Lease | None] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Say whether the client still talks: it stops when its link is gone for good."""
        return self._task is not None and not self._task.done() and not self._wire.is_gone

    async def start(self) -> None:
        """Begin asking for a lease in the background.

        Raises:
            OSError: when the link cannot be used.
        """
        self._wire.open()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop asking; the lease is not released, so the address stays ours across a reboot."""
        self._wire.close()
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (error := self._task.exception()):
                _log.error("%s: DHCP ended: %r", self._link, error)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        dialogue = Dialogue(
            self._link,
            self._wire.hardware,
            self._hostname,
            loop.time(),
            send=self._send,
            tell=self._news.append,
        )
        while True:
            dialogue.step(loop.time())
            while self._news:
                await self._listener(self._link, self._news.pop(0))
            until = None if dialogue.due == FOREVER else dialogue.due
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    heard = await self._heard.get()
                    if isinstance(heard, Packet):
                        dialogue.receive(heard, loop.time())
                    elif heard:
                        dialogue.reconnect(loop.time())

    def _hear(self, payload: bytes) -> None:
        if packet := read_packet(payload):
            with suppress(asyncio.QueueFull):
                self._heard.put_nowait(packet)

    def _change(self, is_running: bool) -> None:
        if self._heard.full():
            self._heard.get_nowait()
        self._heard.put_nowait(is_running)

    def _send(self, packet: Packet, server: bytes) -> None:
        payload, source = write_packet(packet), packet.client
        try:
            if server != EVERYBODY:
                with suppress(OSError):  # then whoever hears it
                    self._wire.send(payload, source, server)
                    return
            self._wire.broadcast(payload, source)
        except OSError as error:
            # The next one may get through, and there will be one.
            _log.debug("%s: cannot ask: %s", self._link, error.strerror or error)
