# SPDX-License-Identifier: Apache-2.0
"""Packets as a board and a lab node capture them, on the loopback and a pair of links."""

import asyncio
import os
import socket
import struct
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import grpc
import pytest

from edge.api import machine_pb2
from edge.errors import ConfigError, NodeError
from edge.node.api import packet
from edge.node.api.capture import CaptureCalls
from edge.node.log import start_logging
from edge.node.machine import Machine
from tests.fakes.call import CONTEXT, FakeContext, Refused
from tests.fakes.node import FakePlatform

ADDRESS = "127.99.7.1"
OTHER = "127.99.7.2"
_UDP = 17
Instruction = machine_pb2.BPFInstruction
# Whatever is UDP, as `tcpdump -dd -y EN10MB "ip proto 17"` has it.
FILTER = [
    Instruction(op=0x28, k=12),
    Instruction(op=0x15, jt=0, jf=3, k=0x800),
    Instruction(op=0x30, k=23),
    Instruction(op=0x15, jt=0, jf=1, k=_UDP),
    Instruction(op=0x6, k=0x40000),
    Instruction(op=0x6, k=0),
]


@dataclass(frozen=True)
class Packet:
    """One record of a file."""

    data: bytes
    length: int

    @property
    def payload(self) -> bytes:
        """What a UDP packet without options carries."""
        return self.data[42:]

    @property
    def ends(self) -> set[str]:
        """Both addresses."""
        return {str(ip_address(self.data[26:30])), str(ip_address(self.data[30:34]))}


class Capture:
    """A call under way, read packet by packet."""

    def __init__(self, stream: AsyncGenerator[Any, None]) -> None:
        self._stream = stream
        self._rest = b""

    async def begin(self) -> tuple[int, ...]:
        """Return version, longest record and kind of link of the file's head."""
        head = await self._take(24)
        magic, *version, _zone, _sigfigs, snap, kind = struct.unpack("<IHHiIII", head)
        assert magic == 0xA1B2C3D4
        return (*version, snap, kind)

    async def next(self) -> Packet:
        """Return the next packet."""
        seconds, micros, size, length = struct.unpack("<IIII", await self._take(16))
        assert seconds > 1_600_000_000
        assert micros < 1_000_000
        return Packet(await self._take(size), length)

    async def _take(self, size: int) -> bytes:
        async with asyncio.timeout(60):
            while len(self._rest) < size:
                self._rest += (await anext(self._stream)).bytes
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


@pytest.fixture
async def calls(tmp_path: Path) -> CaptureCalls:
    calls = CaptureCalls()
    platform = FakePlatform(tmp_path, listen=ADDRESS)
    calls.machine = Machine(platform, start_logging(lambda _text: None))
    return calls


def _start(calls: CaptureCalls, **more: Any) -> AsyncGenerator[Any, None]:
    request = machine_pb2.PacketCaptureRequest(**{"interface": "lo", "bpf_filter": FILTER} | more)
    stream: Any = calls.PacketCapture(request, CONTEXT)
    return stream  # type: ignore[no-any-return]


def _send(content: bytes, *, source: str = ADDRESS, target: str = ADDRESS) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.sendto(content, (target, 9))


async def _until(capture: Capture, content: bytes) -> Packet:
    while not (found := await capture.next()).payload.startswith(content[:20]):
        pass
    return found


async def test_packets_of_a_link(calls: CaptureCalls) -> None:
    """Each once, whole, with its time."""
    async with aclosing(_start(calls)) as stream:
        capture = Capture(stream)
        assert await capture.begin() == (2, 4, 65536, 1)
        _send(b"first of two packets", target=OTHER)
        _send(b"the other of the two", target=OTHER)
        first = await _until(capture, b"first of two packets")
        assert first.payload == b"first of two packets"
        assert first.length == len(first.data)
        assert first.ends == {ADDRESS, OTHER}
        while (following := await capture.next()).ends != {ADDRESS, OTHER}:
            pass
        assert following.payload == b"the other of the two"


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("127.0.0.1", "ipv4:127.0.0.1:{}"),
        ("127.0.0.1", "ipv6:%5B::ffff:127.0.0.1%5D:{}"),
        ("::1", "ipv6:%5B::1%5D:{}"),
    ],
)
@pytest.mark.parametrize("program", [FILTER[4:5], []])
async def test_not_the_callers_own_connection(
    calls: CaptureCalls, host: str, peer: str, program: list[Any]
) -> None:
    """What it sends and what is sent to it; its neighbours' connections are there."""
    with (
        socket.create_server((host, 0), family=_family(host)) as listening,
        socket.create_connection(listening.getsockname()[:2]) as caller,
        socket.create_connection(listening.getsockname()[:2]) as other,
    ):
        context: Any = FakeContext(peer.format(caller.getsockname()[1]))
        request = machine_pb2.PacketCaptureRequest(interface="lo", bpf_filter=program)
        stream: Any = calls.PacketCapture(request, context)
        async with aclosing(stream):
            capture = Capture(stream)
            await capture.begin()
            with listening.accept()[0] as answering:
                caller.send(b"from the caller")
                answering.send(b"to the caller")
            other.send(b"from somebody else")
            seen = b""
            while b"from somebody else" not in seen:
                seen += (await capture.next()).data
    assert b"from the caller" not in seen
    assert b"to the caller" not in seen


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def test_no_more_of_a_packet_than_wanted(calls: CaptureCalls) -> None:
    """Its true length is kept, also when the filter cuts it."""
    cutting = [*FILTER[:4], Instruction(op=0x6, k=60), FILTER[5]]
    for more in ({"snap_len": 60}, {"bpf_filter": cutting}):
        async with aclosing(_start(calls, **more)) as stream:
            capture = Capture(stream)
            await capture.begin()
            _send(b"x" * 1000)
            found = await _until(capture, b"x" * 18)
            assert (len(found.data), found.length) == (60, 1042)


async def test_a_lab_node_captures_its_own_alone(calls: CaptureCalls) -> None:
    """What the machine says to others on the same link is not shown, with or without a filter."""
    assert isinstance(calls.machine.platform, FakePlatform)
    calls.machine.platform.mode = "container"
    for program in (FILTER, []):
        async with aclosing(_start(calls, bpf_filter=program)) as stream:
            capture = Capture(stream)
            await capture.begin()
            _send(b"somebody else's here", source=OTHER, target=OTHER)
            _send(b"from this node there", target=OTHER)
            _send(b"from there to here..", source=OTHER)
            assert (await capture.next()).payload == b"from this node there"
            assert (await _until(capture, b"from there to here..")).ends == {ADDRESS, OTHER}
    with pytest.raises(NodeError, match="has no link but lo"):
        await anext(_start(calls, interface="eth0"))


async def test_it_ends_with_its_client(calls: CaptureCalls) -> None:
    """No socket stays open, and the loop waits for nothing."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    stream = _start(calls)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await stream.aclose()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize(
    ("program", "match"),
    [
        ([Instruction(op=0x28, k=12)], "the kernel takes"),
        ([Instruction(op=0x15, jt=9, jf=9)], "the kernel takes"),
        ([Instruction(op=0x10000)], "too large"),
        ([Instruction(op=6, jt=300)], "too large"),
        ([Instruction(op=6)] * 4096, "too many"),
    ],
)
async def test_filters_that_are_none(
    calls: CaptureCalls, program: list[Instruction], match: str
) -> None:
    """The kernel checks that they end and jump to where they may."""
    with pytest.raises(ConfigError, match=match):
        await anext(_start(calls, bpf_filter=program))


async def test_links_that_are_none(calls: CaptureCalls) -> None:
    """Nor does a name lead elsewhere."""
    with pytest.raises(Refused) as caught:
        await anext(_start(calls, interface="nosuch0"))
    assert caught.value.args[0] is grpc.StatusCode.NOT_FOUND
    for name in ("", "../lo", ".."):
        with pytest.raises(ConfigError, match="not the name of a link"):
            await anext(_start(calls, interface=name))


@pytest.fixture
def pair() -> Iterator[tuple[str, str]]:
    """Two links with a cable between them."""
    names = f"eca{os.getpid() % 100000}", f"ecb{os.getpid() % 100000}"
    add = ["ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1]]
    if subprocess.run(add, capture_output=True, check=False).returncode:
        pytest.skip("this kernel has no pairs of links")
    for name in names:
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
    yield names
    subprocess.run(["ip", "link", "delete", names[0]], check=True)


async def test_packets_for_others(calls: CaptureCalls, pair: tuple[str, str]) -> None:
    """A link is promiscuous while it is captured so; a link that goes away is told."""
    name, other = pair
    frame = bytes.fromhex("020000000001 020000000002 88b5") + b"for somebody else" * 4
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((other, 0))
        stream = _start(calls, interface=name, promiscuous=True, bpf_filter=[])
        capture = Capture(stream)
        await capture.begin()
        sender.send(frame)
        assert (await capture.next()).data == frame
        assert _promiscuity(name) == 1
        await stream.aclose()
        assert _promiscuity(name) == 0


def _promiscuity(name: str) -> int:
    shown = subprocess.run(
        ["ip", "-details", "link", "show", name], capture_output=True, text=True, check=True
    )
    words = shown.stdout.split()
    return int(words[words.index("promiscuity") + 1])


async def test_a_link_that_goes_down(calls: CaptureCalls, pair: tuple[str, str]) -> None:
    """Ends the capture with a sentence."""
    stream = _start(calls, interface=pair[0], bpf_filter=[])
    await Capture(stream).begin()
    down = await asyncio.create_subprocess_exec("ip", "link", "set", pair[0], "down")
    await down.wait()
    with pytest.raises(NodeError, match="Network is down"):
        async with asyncio.timeout(60):
            await anext(stream)


def test_kinds_of_links() -> None:
    """What has no addresses of its own is raw; others cannot be told in a file of this kind."""
    assert [packet.link_type(each) for each in (1, 772, 65534)] == [1, 1, 101]
    with pytest.raises(ConfigError, match="type 512"):
        packet.link_type(512)


def test_a_tag_goes_back_where_it_was() -> None:
    """Between the addresses and the type of a frame."""
    frame = bytes(range(12)) + b"\x08\x00rest"
    tagged = packet._tagged(frame, 0x8100, 7, 65536)
    assert tagged == bytes(range(12)) + b"\x81\x00\x00\x07\x08\x00rest"
    assert len(packet.only_of(IPv4Address("127.0.0.1"), [])) == 10
