# SPDX-License-Identifier: Apache-2.0
"""Captured packets: read from a stream of the pcap format, and said in a line each.

Also the filters that `tcpdump -dd` and `tcpdump -ddd` print, which is how people compile them.
"""

import re
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address

from edge.errors import ConfigError, NodeError

PACKET_LIMIT_BYTES = 1 << 20
_MAGICS = {0xA1B2C3D4: 1e6, 0xA1B23C4D: 1e9}
_HEADER_BYTES, _RECORD_BYTES = 24, 16
_RAW_LINK = 101
_IPV4, _IPV6, _ARP, _VLAN = 0x0800, 0x86DD, 0x0806, 0x8100
_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6", 136: "udplite"}
_WITH_PORTS = (6, 17, 136)
_FLAGS = ((0x02, "S"), (0x10, "A"), (0x01, "F"), (0x04, "R"), (0x08, "P"))

_C_STEP = re.compile(r"\{\s*(\w+)\s*,\s*(\w+)\s*,\s*(\w+)\s*,\s*(\w+)\s*\}")

Step = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet: when it was seen (seconds since 1970), of what kind of link, and its bytes."""

    at: float
    link_type: int
    size_bytes: int
    data: bytes


async def read_packets(chunks: AsyncIterator[bytes]) -> AsyncIterator[Packet]:
    """Yield the packets of a capture.

    Raises:
        NodeError: when it is not of the pcap format.
    """
    order, scale, link, rest = "", 1e6, 0, b""
    async for chunk in chunks:
        rest += chunk
        if not order and len(rest) >= _HEADER_BYTES:
            order, scale = _read_magic(rest[:4])
            link = struct.unpack(f"{order}I", rest[20:24])[0] & 0xFFFF
            rest = rest[_HEADER_BYTES:]
        while order and len(rest) >= _RECORD_BYTES:
            seconds, fraction, kept, size = struct.unpack(f"{order}IIII", rest[:_RECORD_BYTES])
            if kept > PACKET_LIMIT_BYTES:
                raise NodeError(f"the capture is damaged: a packet of {kept} bytes")
            end = _RECORD_BYTES + kept
            if len(rest) < end:
                break
            data, rest = rest[_RECORD_BYTES:end], rest[end:]
            yield Packet(at=seconds + fraction / scale, link_type=link, size_bytes=size, data=data)


def describe(packet: Packet) -> str:
    """Return who sends what to whom, as far as a line can tell."""
    data, kind = packet.data, _IPV4
    if packet.link_type == _RAW_LINK:
        kind = _IPV6 if data[:1] and data[0] >> 4 == 6 else _IPV4
    else:
        kind, data = int.from_bytes(data[12:14]), data[14:]
        if kind == _VLAN:
            kind, data = int.from_bytes(data[2:4]), data[4:]
    try:
        said = _DESCRIBERS.get(kind, lambda _: f"ethertype 0x{kind:04x}")(data)
    except (IndexError, ValueError, struct.error):
        said = "cut short"
    return f"{said} length {packet.size_bytes}"


def parse_filter(text: str) -> tuple[Step, ...]:
    """Return the filter that `tcpdump -dd` or `tcpdump -ddd` printed.

    Raises:
        ConfigError: when it is neither.
    """
    try:
        if steps := _C_STEP.findall(text):
            return tuple(_step(each) for each in steps)
        count, *lines = (line.split() for line in re.split(r"[\n,]", text.strip()))
        if lines and len(lines) == int(count[0]):
            return tuple(_step(each) for each in lines)
    except (ValueError, IndexError):
        pass
    raise ConfigError(
        "the filter is not compiled", hint='give what this prints: tcpdump -dd "port 80"'
    )


def _step(words: "tuple[str, ...] | list[str]") -> Step:
    op, jt, jf, k = (int(word, 0) for word in words)
    return op, jt, jf, k


def _read_magic(magic: bytes) -> tuple[str, float]:
    for order in ("<", ">"):
        if scale := _MAGICS.get(struct.unpack(f"{order}I", magic)[0]):
            return order, scale
    raise NodeError("the capture has a format that is not shown here", hint="save it: -o FILE")


def _ipv4(data: bytes) -> str:
    header = (data[0] & 0xF) * 4
    source, target = str(ip_address(data[12:16])), str(ip_address(data[16:20]))
    # What follows the first fragment has no ports.
    is_first = int.from_bytes(data[6:8]) & 0x1FFF == 0
    return _transport(data[9], source, target, data[header:] if is_first else b"")


def _ipv6(data: bytes) -> str:
    source, target = str(ip_address(data[8:24])), str(ip_address(data[24:40]))
    return _transport(data[6], f"[{source}]", f"[{target}]", data[40:])


def _transport(protocol: int, source: str, target: str, data: bytes) -> str:
    name = _PROTOCOLS.get(protocol, f"protocol {protocol}")
    if protocol not in _WITH_PORTS or len(data) < 4:
        return f"{source} > {target} {name}"
    ports = struct.unpack(">HH", data[:4])
    flags = "".join(letter for bit, letter in _FLAGS if protocol == 6 and data[13] & bit)
    return f"{source}:{ports[0]} > {target}:{ports[1]} {name}" + (f" [{flags}]" if flags else "")


def _arp(data: bytes) -> str:
    who = {1: "who has", 2: "is at"}.get(int.from_bytes(data[6:8]), "arp")
    source, target = ip_address(data[14:18]), ip_address(data[24:28])
    return f"{source} > {target} arp {who}"


_DESCRIBERS = {_IPV4: _ipv4, _IPV6: _ipv6, _ARP: _arp}
