# SPDX-License-Identifier: Apache-2.0
"""UDP in IPv4 for a link that has no address yet (RFC 791 and 768)."""

import struct

SERVER_PORT, CLIENT_PORT = 67, 68
_IP = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!HHHH")
_PSEUDO = struct.Struct("!4s4sBBH")
_PROTOCOL = 17
_TTL = 64
_BROADCAST = b"\xff" * 4
_FRAGMENT = 0x3FFF


def write_datagram(source: bytes, payload: bytes) -> bytes:
    """Return a packet from a client at `source` to every server on the link."""
    length = _UDP.size + len(payload)
    pseudo = _PSEUDO.pack(source, _BROADCAST, 0, _PROTOCOL, length)
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, length, 0) + payload
    # A sum of nothing would say that there is none.
    check = _checksum(pseudo + udp) or 0xFFFF
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, length, check) + payload
    return _ip_header(source, len(udp)) + udp


def read_datagram(data: bytes, *, checked: bool = True) -> bytes | None:
    """Return what a packet to a client carries, or nothing when it is no such packet.

    `checked` is false for what comes from this very machine: the kernel has not yet computed the
    checksum of UDP.
    """
    if len(data) < _IP.size or data[0] >> 4 != 4:
        return None
    header = (data[0] & 15) * 4
    _, _, total, _, fragment, _, protocol, _, source, destination = _IP.unpack_from(data)
    if not _IP.size <= header <= total - _UDP.size or total > len(data):
        return None
    if protocol != _PROTOCOL or fragment & _FRAGMENT or _checksum(data[:header]):
        return None
    udp = data[header:total]
    _, port, length, check = _UDP.unpack_from(udp)
    if port != CLIENT_PORT or not _UDP.size <= length <= len(udp):
        return None
    pseudo = _PSEUDO.pack(source, destination, 0, _PROTOCOL, length)
    if checked and check and _checksum(pseudo + udp[:length]):
        return None
    return udp[_UDP.size : length]


def _ip_header(source: bytes, length: int) -> bytes:
    def header(check: int) -> bytes:
        total = _IP.size + length
        return _IP.pack(0x45, 0, total, 0, 0, _TTL, _PROTOCOL, check, source, _BROADCAST)

    return header(_checksum(header(0)))


def _checksum(data: bytes) -> int:
    """Return the one's complement of the one's complement sum of 16-bit words (RFC 1071)."""
    words: tuple[int, ...] = struct.unpack(
        f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)
    )
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
