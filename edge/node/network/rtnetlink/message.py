# SPDX-License-Identifier: Apache-2.0
"""Messages and attributes of rtnetlink, as far as links, addresses and routes need them.

Numbers and layouts are those of Linux's uapi headers: `linux/netlink.h`, `linux/rtnetlink.h`,
`linux/if_link.h`, `linux/if_addr.h` and `linux/if.h`.
"""

import struct
from collections.abc import Iterator

ERROR, DONE = 2, 3
NEW_LINK, DELETE_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DELETE_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DELETE_ROUTE, GET_ROUTE = 24, 25, 26
"""Types of messages: NLMSG_* and RTM_*."""

REQUEST, ACK, INTERRUPTED = 0x1, 0x4, 0x10
DUMP, REPLACE_OR_CREATE = 0x300, 0x100 | 0x400
"""Flags of a message: NLM_F_*."""

HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence number, port."""
LINK = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, type of device, index, flags, which of them are to change."""
ADDRESS = struct.Struct("=BBBBI")
"""struct ifaddrmsg: family, length of the prefix, flags, scope, index of the link."""
ROUTE = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, lengths of both prefixes, TOS, table, protocol, scope, type, flags."""

LINK_ADDRESS, LINK_NAME, LINK_MTU, LINK_LINK, LINK_QDISC = 1, 3, 4, 5, 6
LINK_STATE, LINK_INFO, LINK_EXT_MASK, LINK_CARRIER, LINK_CARRIERS = 16, 18, 29, 33, 47
INFO_KIND = 1
"""Attributes of links: IFLA_*, and IFLA_INFO_* within IFLA_LINKINFO.

The carriers are IFLA_CARRIER_UP_COUNT: how many there were so far.
"""
ADDRESS_ADDRESS, ADDRESS_LOCAL, ADDRESS_BROADCAST, ADDRESS_PROTOCOL = 1, 2, 4, 11
"""Attributes of addresses: IFA_*; the protocol since Linux 5.18."""
ROUTE_TO, ROUTE_LINK, ROUTE_GATEWAY, ROUTE_PRIORITY = 1, 4, 5, 6
ROUTE_SOURCE, ROUTE_METRICS, ROUTE_TABLE = 7, 8, 15
METRIC_MTU = 2
"""Attributes of routes: RTA_*, and RTAX_* within RTA_METRICS."""

_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=I")
# NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags within the type.
_TYPE_MASK = 0x3FFF

Attributes = dict[int, bytes]
Message = tuple[int, int, int, bytes]
"""Type, flags, sequence number and what follows the header."""


def write_message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """Return a message for the kernel; it fills in who sent it."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def read_messages(data: bytes) -> Iterator[Message]:
    """Yield the messages of one datagram; what is cut off is left out."""
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, at)
        if not HEADER.size <= length <= len(data) - at:
            return
        yield kind, flags, sequence, data[at + HEADER.size : at + length]
        at += _aligned(length)


def write_attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute, padded for the next one."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def write_number(kind: int, value: int) -> bytes:
    """Return an attribute that is a number of 32 bits."""
    return write_attribute(kind, _NUMBER.pack(value))


def read_attributes(data: bytes) -> Attributes:
    """Return attributes by type; of several of a type the last, and none that is cut off."""
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            break
        found[kind & _TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return found


def number(attributes: Attributes, kind: int) -> int:
    """Return an attribute that is a number of 8 or 32 bits, or 0 without one."""
    value = attributes.get(kind, b"")
    if len(value) == 1:
        return value[0]
    read: int = _NUMBER.unpack(value)[0] if len(value) == _NUMBER.size else 0
    return read


def text(attributes: Attributes, kind: int) -> str:
    """Return an attribute that is a string, or "" without one."""
    return attributes.get(kind, b"").partition(b"\0")[0].decode(errors="replace")


def nested(attributes: Attributes, kind: int) -> Attributes:
    """Return the attributes within an attribute."""
    return read_attributes(attributes.get(kind, b""))


def _aligned(length: int) -> int:
    return length + 3 & ~3
