# SPDX-License-Identifier: Apache-2.0
"""DHCP packets (RFC 2131, section 2) and their options (RFC 2132)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

ASK, REPLY = 1, 2
"""What a packet is: BOOTREQUEST or BOOTREPLY."""
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
"""Types of messages."""

MASK, ROUTER, RESOLVER, HOST_NAME, DOMAIN = 1, 3, 6, 12, 15
REQUESTED_ADDRESS, LEASE_TIME, OVERLOAD, MESSAGE_TYPE, SERVER = 50, 51, 52, 53, 54
PARAMETERS, MAX_SIZE, RENEWAL_TIME, REBINDING_TIME = 55, 57, 58, 59
VENDOR, CLIENT, CLASSLESS_ROUTES = 60, 61, 121
"""Options."""

NOWHERE = bytes(4)
"""The address of who has none."""

_FIXED = struct.Struct("!4BIHH4s4s4s4s16s64s128s4s")
_COOKIE = b"\x63\x82\x53\x63"
_PAD, _END = 0, 255
_ETHERNET = 1
_BROADCAST = 0x8000
_LONGEST = 255
# Old relays and servers drop what is shorter than a packet of BOOTP (RFC 1542, section 2.1).
_SHORTEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A packet between a client and a server; addresses are their four bytes."""

    operation: int
    transaction: int
    hardware: bytes
    seconds: int = 0
    broadcast: bool = False
    client: bytes = NOWHERE
    granted: bytes = NOWHERE
    options: dict[int, bytes] = field(default_factory=dict)

    @property
    def kind(self) -> int:
        """The type of message, 0 for one without."""
        value = self.options.get(MESSAGE_TYPE, b"")
        return value[0] if len(value) == 1 else 0

    def address(self, code: int) -> bytes:
        """Return an option that is one address, or that of nowhere without one."""
        value = self.options.get(code, b"")
        return value if len(value) == 4 else NOWHERE

    def addresses(self, code: int) -> list[bytes]:
        """Return an option that is a list of addresses."""
        value = self.options.get(code, b"")
        return [value[at : at + 4] for at in range(0, len(value) - 3, 4)]

    def time(self, code: int) -> int | None:
        """Return an option that is a number of seconds."""
        value = self.options.get(code, b"")
        return int.from_bytes(value) if len(value) == 4 else None


def write_packet(packet: Packet) -> bytes:
    """Return the bytes of a packet; long options are in several pieces (RFC 3396)."""
    fixed = _FIXED.pack(
        *(packet.operation, _ETHERNET, len(packet.hardware), 0),
        *(packet.transaction, packet.seconds, _BROADCAST if packet.broadcast else 0),
        *(packet.client, packet.granted, NOWHERE, NOWHERE, packet.hardware, b"", b"", _COOKIE),
    )
    options = b"".join(
        bytes((code, len(piece))) + piece
        for code, value in packet.options.items()
        for piece in _pieces(value)
    )
    return (fixed + options + bytes((_END,))).ljust(_SHORTEST, b"\0")


def read_packet(data: bytes) -> Packet | None:
    """Return the packet that these bytes are, or nothing when they are none."""
    if len(data) < _FIXED.size:
        return None
    fields = _FIXED.unpack_from(data)
    operation, network, length, _hops, transaction, seconds, flags = fields[:7]
    client, granted, _next, _relay, hardware, name, file, cookie = fields[7:]
    if cookie != _COOKIE or network != _ETHERNET or length > len(hardware):
        return None
    options: dict[int, bytes] = {}
    _read_options(data[_FIXED.size :], options)
    # Options may overflow into two fields of BOOTP, in this order (RFC 3396, section 5).
    overload = options.pop(OVERLOAD, b"\0")[-1:]
    if overload in (b"\1", b"\3"):
        _read_options(file, options)
    if overload in (b"\2", b"\3"):
        _read_options(name, options)
    return Packet(
        operation=operation,
        transaction=transaction,
        hardware=hardware[:length],
        seconds=seconds,
        broadcast=bool(flags & _BROADCAST),
        client=client,
        granted=granted,
        options=options,
    )


def _pieces(value: bytes) -> Iterator[bytes]:
    yield value[:_LONGEST]
    for at in range(_LONGEST, len(value), _LONGEST):
        yield value[at : at + _LONGEST]


def _read_options(data: bytes, options: dict[int, bytes]) -> None:
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        piece = data[at + 2 : at + 2 + data[at + 1]] if at + 1 < len(data) else b""
        if at + 1 >= len(data) or len(piece) != data[at + 1]:
            return  # cut off
        options[data[at]] = options.get(data[at], b"") + piece
        at += 2 + len(piece)
