# SPDX-License-Identifier: Apache-2.0
"""Captures are read whatever way they are cut, and packets said in a line."""

import struct
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ConfigError, NodeError
from edge.provision.packet import Packet, describe, parse_filter, read_packets

ETHERNET = bytes(12)
SYN = bytes.fromhex(
    "4500 0028 0000 4000 4006 0000 0a000001 0a000002".replace(" ", "")
) + struct.pack(">HHIIBBHHH", 40000, 443, 0, 0, 0x50, 0x02, 0, 0, 0)
UDP6 = (
    bytes.fromhex("60000000 0008 1140".replace(" ", ""))
    + bytes(15)
    + b"\1"
    + bytes(15)
    + b"\2"
    + struct.pack(">HHHH", 53, 5353, 8, 0)
)
ARP = bytes.fromhex("00010800060400010000000000010a0000010000000000000a000002")


def packet(kind: int, data: bytes) -> Packet:
    """Return a packet as Ethernet carries it."""
    frame = ETHERNET + kind.to_bytes(2) + data
    return Packet(at=1.5, link_type=1, size_bytes=len(frame), data=frame)


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (0x0800, SYN, "10.0.0.1:40000 > 10.0.0.2:443 tcp [S] length 54"),
        (0x86DD, UDP6, "[::1]:53 > [::2]:5353 udp length 62"),
        (0x0806, ARP, "10.0.0.1 > 10.0.0.2 arp who has length 42"),
        (0x8100, b"\0\1\x08\x00" + SYN, "10.0.0.1:40000 > 10.0.0.2:443 tcp [S] length 58"),
        (0x88CC, b"", "ethertype 0x88cc length 14"),
        (0x0800, SYN[:9], "cut short length 23"),
    ],
)
def test_packets_are_said_in_a_line(kind: int, data: bytes, said: str) -> None:
    """Addresses, ports, protocol and flags."""
    assert describe(packet(kind, data)) == said


@given(st.binary(max_size=120), st.sampled_from([1, 101]))
def test_any_packet_can_be_said(data: bytes, link: int) -> None:
    """What is damaged or unknown is no fault of ours."""
    assert describe(Packet(at=0, link_type=link, size_bytes=len(data), data=data))


@pytest.mark.parametrize(("order", "magic", "scale"), [("<", 0xA1B2C3D4, 6), (">", 0xA1B23C4D, 9)])
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_captures_are_read(order: str, magic: int, scale: int, size: int) -> None:
    """In both byte orders, with both kinds of time, in pieces of any size."""
    header = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
    record = struct.pack(f"{order}IIII", 10, 5 * 10 ** (scale - 1), 3, 60) + b"abc"
    stream = header + record * 3

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(stream), size):
            yield stream[at : at + size]

    found = [each async for each in read_packets(chunks())]
    assert found == [Packet(at=10.5, link_type=1, size_bytes=60, data=b"abc")] * 3


async def test_other_formats_are_named() -> None:
    """What cannot be shown can still be saved."""

    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(100)

    with pytest.raises(NodeError, match="not shown here"):
        [each async for each in read_packets(chunks())]


def test_filters_are_what_tcpdump_prints() -> None:
    """As C and as numbers; plain words are not compiled here."""
    steps = ((0x28, 0, 0, 12), (6, 0, 0, 0))
    assert parse_filter("{ 0x28, 0, 0, 0x0000000c },\n{ 0x6, 0, 0, 0x00000000 },\n") == steps
    assert parse_filter("2\n40 0 0 12\n6 0 0 0\n") == steps
    for bad in ("port 80", "", "3\n40 0 0 12", "{ 1, 2 }"):
        with pytest.raises(ConfigError, match="not compiled"):
            parse_filter(bad)
