# SPDX-License-Identifier: Apache-2.0
"""The DHCP client on a link that is played here."""

import asyncio
import errno
import logging
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from edge.node.log import logger
from edge.node.network.dhcp import packet as dhcp
from edge.node.network.dhcp.client import DhcpClient
from edge.node.network.dhcp.lease import Lease
from edge.node.network.dhcp.packet import Packet, read_packet, write_packet
from edge.node.network.dhcp.wire import Wire

HARDWARE = bytes.fromhex("02005e000102")
SERVER = ip_address("10.9.0.1").packed
ADDRESS = ip_address("10.9.0.50").packed
LEASE_S = 10


class FakeWire(Wire):
    """A link with a server on it that answers at once, unless it is told to be silent."""

    def __init__(
        self, link: str, heard: Callable[[bytes], None], changed: Callable[[bool], None]
    ) -> None:
        super().__init__(link, heard, changed)
        self.hardware = HARDWARE
        self.heard = heard
        self.changed = changed
        self.sent: list[tuple[str, Packet]] = []
        self.is_silent = False
        self.is_open = False
        self.fault: OSError | None = None
        self.detour: OSError | None = None

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def broadcast(self, payload: bytes, source: bytes) -> None:
        self._take("all", payload)

    def send(self, payload: bytes, source: bytes, server: bytes) -> None:
        assert (source, server) == (ADDRESS, SERVER)
        if self.detour:
            raise self.detour
        self._take("one", payload)

    def _take(self, to: str, payload: bytes) -> None:
        packet = read_packet(payload)
        assert packet
        self.sent.append((to, packet))
        if self.fault:
            raise self.fault
        if not self.is_silent:
            self.answer(packet)

    def answer(self, packet: Packet) -> None:
        kind = dhcp.OFFER if packet.kind == dhcp.DISCOVER else dhcp.ACK
        options = {
            dhcp.MESSAGE_TYPE: bytes((kind,)),
            dhcp.MASK: b"\xff\xff\xff\0",
            dhcp.SERVER: SERVER,
            dhcp.LEASE_TIME: LEASE_S.to_bytes(4),
            dhcp.RENEWAL_TIME: (1).to_bytes(4),
        }
        answer = Packet(
            operation=dhcp.REPLY,
            transaction=packet.transaction,
            hardware=packet.hardware,
            granted=ADDRESS,
            options=options,
        )
        self.heard(b"what others say")
        self.heard(write_packet(answer))


class Bench:
    """A client with its wire, and what it told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Lease | None] = asyncio.Queue()
        self.client = DhcpClient("eth0", "n1", self._listen, wire=self._wire)

    async def _listen(self, link: str, lease: Lease | None) -> None:
        assert link == "eth0"
        self.told.put_nowait(lease)

    def _wire(
        self, link: str, heard: Callable[[bytes], None], changed: Callable[[bool], None]
    ) -> FakeWire:
        self.wire = FakeWire(link, heard, changed)
        return self.wire

    async def bind(self) -> None:
        await self.client.start()
        lease = await asyncio.wait_for(self.told.get(), 5)
        assert lease
        assert str(lease.address) == "10.9.0.50/24"


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the network logs."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    log = logger("network")
    log.addHandler(handler)
    yield found
    log.removeHandler(handler)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_client_lives_until_it_is_stopped(bench: Bench) -> None:
    """Its wire is closed then."""
    assert not bench.client.is_alive
    await bench.bind()
    assert bench.client.is_alive
    await bench.client.stop()
    assert not bench.client.is_alive
    assert not bench.wire.is_open


async def test_renewals_go_to_the_server_or_else_to_all(bench: Bench) -> None:
    """There may be no way to it any more."""
    await bench.bind()
    await asyncio.wait_for(bench.told.get(), 5)
    bench.wire.detour = OSError(errno.ENETUNREACH, "no way")
    await asyncio.wait_for(bench.told.get(), 5)
    await bench.client.stop()
    assert [to for to, _ in bench.wire.sent] == ["all", "all", "one", "all"]
    assert {packet.client for _, packet in bench.wire.sent[2:]} == {ADDRESS}


async def test_a_carrier_after_silence_is_used_at_once(bench: Bench) -> None:
    """Whatever the pause was, and though nothing could be sent before."""
    bench.wire.fault = OSError(errno.ENETDOWN, "down")
    await bench.client.start()
    await asyncio.sleep(0)
    bench.wire.changed(False)
    bench.wire.fault = None
    bench.wire.changed(True)
    assert await asyncio.wait_for(bench.told.get(), 0.5)
    await bench.client.stop()


async def test_a_flood_does_not_hide_the_carrier(bench: Bench) -> None:
    """Packets beyond those that may wait are dropped, and an old one for what counts."""
    bench.wire.is_silent = True
    await bench.client.start()
    await asyncio.sleep(0)
    (_, packet), *_ = bench.wire.sent
    stranger = Packet(operation=dhcp.REPLY, transaction=0, hardware=packet.hardware)
    for _ in range(1000):
        bench.wire.heard(write_packet(stranger))
    bench.wire.is_silent = False
    bench.wire.changed(True)
    assert await asyncio.wait_for(bench.told.get(), 0.5)
    await bench.client.stop()


async def test_a_client_ends_with_its_link(bench: Bench) -> None:
    """Whoever started it sees that, and starts one on what has that name next."""
    await bench.bind()
    bench.wire.is_gone = True
    bench.wire.changed(False)
    assert not bench.client.is_alive
    await bench.client.stop()


async def test_a_fault_of_the_listener_is_told(bench: Bench, lines: list[str]) -> None:
    """It ends the client, and is in the log once it is stopped."""
    told = asyncio.Event()

    async def fail(link: str, lease: Lease | None) -> None:
        told.set()
        raise ValueError("cannot")

    client = DhcpClient("eth0", "", fail, wire=bench._wire)
    await client.start()
    await asyncio.wait_for(told.wait(), 5)
    await asyncio.sleep(0)
    assert not client.is_alive
    await client.stop()
    assert "eth0: DHCP ended: ValueError('cannot')" in lines
