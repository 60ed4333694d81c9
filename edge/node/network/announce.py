# SPDX-License-Identifier: Apache-2.0
"""Telling the neighbours of a link about an address that it got (RFC 5227, section 3).

Whoever had the address before, such as the board that this one replaces, is still in their
tables; so is that nobody had it.
"""

import ipaddress
import socket
import struct
from contextlib import suppress

_ETH_P_ARP = 0x0806
_BROADCAST = b"\xff" * 6
_ARP = struct.Struct("!HHBBH6s4s6s4s")


def announce(link: str, interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> None:
    """Say on `link` that it has the address, unless it is IPv6's, whose kernel does that."""
    if not isinstance(interface, ipaddress.IPv4Interface):
        return
    # A link without a carrier or without hardware addresses has no neighbours to tell.
    with suppress(OSError), socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as opened:
        opened.setblocking(False)
        opened.bind((link, 0))
        hardware = opened.getsockname()[4]
        if len(hardware) == len(_BROADCAST):
            packet = write_announcement(hardware, interface.ip)
            opened.sendto(packet, (link, _ETH_P_ARP, 0, 0, _BROADCAST))


def write_announcement(hardware: bytes, address: ipaddress.IPv4Address) -> bytes:
    """Return a request of ARP (RFC 826) for the very address that it is from."""
    ethernet, ip, request = 1, 0x0800, 1
    own = address.packed
    return _ARP.pack(ethernet, ip, 6, 4, request, hardware, own, bytes(6), own)
