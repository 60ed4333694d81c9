# SPDX-License-Identifier: Apache-2.0
"""The sockets of a DHCP client on one link.

What comes is read below IP, since it may be for an address that the link does not have yet. What
goes to one server takes the ordinary way, over gateways if need be. A third socket hears of
changes of links, among them carriers that came back before anybody saw that they were gone.
"""

import asyncio
import ctypes
import errno
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack, suppress

from edge.node.network.dhcp.datagram import (
    CLIENT_PORT,
    SERVER_PORT,
    read_datagram,
    write_datagram,
)
from edge.node.network.rtnetlink import message as rtnl

_ETH_P_IP = 0x0800
_ETHERNET = 1
_BROADCAST_HARDWARE = b"\xff" * 6
_SO_ATTACH_FILTER = 26
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_CHECKSUM_NOT_READY = 1 << 3
_IP_PKTINFO = 8
_LINK_GROUP = 1
_RUNNING = 0x40
_LONGEST = 1 << 16
_AT_ONCE = 32
"""How many packets are read before others get their turn."""

_CLIENTS_ONLY = (
    *((0x30, 0, 0, 9), (0x15, 0, 6, 17)),  # UDP
    *((0x28, 0, 0, 6), (0x45, 4, 0, 0x1FFF)),  # and no later fragment
    *((0xB1, 0, 0, 0), (0x48, 0, 0, 2), (0x15, 0, 1, CLIENT_PORT)),  # to the port of clients
    *((0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)),  # all of it, or nothing
)
"""A program of the classic BPF (`linux/filter.h`) that sees packets from their IP header on."""
_NOTHING = ((0x06, 0, 0, 0),)


class Wire:
    """One link; `heard` gets what comes for clients, `changed` whether the link can be used.

    A link that is gone for good cannot be used either; see `is_gone`.
    """

    def __init__(
        self, link: str, heard: Callable[[bytes], None], changed: Callable[[bool], None]
    ) -> None:
        self._link = link
        self._heard = heard
        self._changed = changed
        self._stack = ExitStack()
        self._index = 0
        self._is_running = False
        self._carriers: int | None = None
        """How many there were so far, if the kernel said so already."""
        self.hardware = b""
        self.is_gone = False

    def open(self) -> None:
        """Open the sockets and begin to listen.

        Raises:
            OSError: when the link is none that can be used.
        """
        with ExitStack() as stack:
            self._index = socket.if_nametoindex(self._link)
            self._packets = stack.enter_context(_packet_socket(self._link))
            *_, device, self.hardware = self._packets.getsockname()
            if device != _ETHERNET or len(self.hardware) != len(_BROADCAST_HARDWARE):
                raise OSError(errno.EAFNOSUPPORT, "not an Ethernet link")
            self._servers = stack.enter_context(_server_socket(self._link))
            self._changes = stack.enter_context(_change_socket())
            loop = asyncio.get_running_loop()
            for opened, reader in ((self._packets, self._hear), (self._changes, self._look)):
                loop.add_reader(opened, reader)
                stack.callback(loop.remove_reader, opened)
            self._ask()
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Close the sockets; neither callback is called any more."""
        self._stack.close()

    def broadcast(self, payload: bytes, source: bytes) -> None:
        """Send to every server on the link; `source` may be the address of nowhere.

        Raises:
            OSError: when the link takes nothing.
        """
        to = (self._link, _ETH_P_IP, 0, 0, _BROADCAST_HARDWARE)
        self._packets.sendto(write_datagram(source, payload), to)

    def send(self, payload: bytes, source: bytes, server: bytes) -> None:
        """Send to one server from an address that the link has.

        Raises:
            OSError: when there is no way to it.
        """
        chosen = struct.pack("=I4s4x", self._index, source)
        to = (socket.inet_ntoa(server), SERVER_PORT)
        self._servers.sendmsg([payload], [(socket.IPPROTO_IP, _IP_PKTINFO, chosen)], 0, to)

    def _hear(self) -> None:
        # A link that goes down says so here, once; the change tells, too.
        with suppress(OSError):
            for _ in range(_AT_ONCE):
                data, notes, _, _ = self._packets.recvmsg(_LONGEST, socket.CMSG_SPACE(64))
                if payload := read_datagram(data, checked=not _is_unsummed(notes)):
                    self._heard(payload)

    def _ask(self) -> None:
        body = rtnl.LINK.pack(0, 0, self._index, 0, 0)
        self._changes.sendto(rtnl.write_message(rtnl.GET_LINK, rtnl.REQUEST, 0, body), (0, 0))

    def _look(self) -> None:
        try:
            for _ in range(_AT_ONCE):
                for kind, _, _, body in rtnl.read_messages(self._changes.recv(_LONGEST)):
                    if kind == rtnl.ERROR:
                        self._leave()  # it was gone when we asked
                    elif kind in (rtnl.NEW_LINK, rtnl.DELETE_LINK):
                        self._change(kind, body)
        except BlockingIOError:
            return
        except OSError:
            # There was more to hear than there was room for.
            with suppress(OSError):
                self._ask()

    def _leave(self) -> None:
        self.is_gone = True
        self._changed(False)

    def _change(self, kind: int, body: bytes) -> None:
        family, _, index, flags, _ = rtnl.LINK.unpack_from(body)
        if (family, index) != (socket.AF_UNSPEC, self._index):
            return
        link = rtnl.read_attributes(body[rtnl.LINK.size :])
        if kind == rtnl.DELETE_LINK or rtnl.text(link, rtnl.LINK_NAME) != self._link:
            self._leave()
            return
        was_running, before = self._is_running, self._carriers
        self._is_running = flags & _RUNNING != 0
        self._carriers = rtnl.number(link, rtnl.LINK_CARRIERS)
        is_new = not was_running or before != self._carriers
        if before is not None and (is_new if self._is_running else was_running):
            self._changed(self._is_running)


def _packet_socket(link: str) -> socket.socket:
    # Without a protocol it hears nothing until the filter is there.
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    try:
        opened.setblocking(False)
        _attach(opened, _CLIENTS_ONLY)
        opened.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        opened.bind((link, _ETH_P_IP))
    except OSError:
        opened.close()
        raise
    return opened


def _server_socket(link: str) -> socket.socket:
    """Return the socket that sends to one server.

    It never gives anything away, but while it is there the kernel does not tell servers that
    nobody listens.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        _attach(opened, _NOTHING)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
        opened.bind(("0.0.0.0", CLIENT_PORT))  # noqa: S104 - of one link, and deaf
    except OSError:
        opened.close()
        raise
    return opened


def _change_socket() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        opened.setblocking(False)
        opened.bind((0, _LINK_GROUP))
    except OSError:
        opened.close()
        raise
    return opened


def _attach(opened: socket.socket, program: tuple[tuple[int, int, int, int], ...]) -> None:
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    place = ctypes.create_string_buffer(code, len(code))
    description = struct.pack("HP", len(program), ctypes.addressof(place))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, description)


def _is_unsummed(notes: list[tuple[int, int, bytes]]) -> bool:
    # struct tpacket_auxdata of linux/if_packet.h begins with the status.
    return any(
        (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA)
        and struct.unpack_from("=I", data)[0] & _CHECKSUM_NOT_READY
        for level, kind, data in notes
        if len(data) >= 4
    )
