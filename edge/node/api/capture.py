# SPDX-License-Identifier: Apache-2.0
"""The PacketCapture call: packets of a link as a pcap file that goes on until the client goes.

Nothing is kept for a client that is too slow: what does not fit the socket's buffer the kernel
drops. A lab node shares its link with the machine and is shown only what has its own address.
The caller's own connection is left out: a capture would feed itself.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from urllib.parse import unquote

import grpc

from edge.api import common_pb2, machine_pb2
from edge.errors import ConfigError, NodeError
from edge.node.api import packet
from edge.node.api.guard import Context
from edge.node.machine import Machine

SNAP_BYTES = 65_536
SNAP_AT_MOST = 262_144
BATCH_BYTES = 64 * 1024
BATCH_PACKETS = 512
_BUFFER_BYTES = 2 * 1024 * 1024
_LINKS = Path("/sys/class/net")
_LOOPBACK = "lo"
_SO_RCVBUFFORCE = 33


class CaptureCalls:
    """The part of MachineService that captures packets."""

    machine: Machine

    async def PacketCapture(
        self, request: machine_pb2.PacketCaptureRequest, context: Context
    ) -> AsyncIterator[common_pb2.Data]:
        """Stream packets of a link, from now on."""
        link = request.interface
        program = packet.read_program(request.bpf_filter)
        if caller := _end(context.peer()):
            # Every packet that is told would be another one to tell.
            program = packet.without(*caller, program)
        if self.machine.platform.mode == "container":
            program = _own_alone(link, self.machine.platform.listen, program)
        try:
            kind = packet.link_type(int((_link(link) / "type").read_text()))
        except FileNotFoundError:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"this node has no link {link!r}")
        snap = min(request.snap_len or SNAP_BYTES, SNAP_AT_MOST)
        with _open(link, program, promiscuous=request.promiscuous) as opened:
            yield common_pb2.Data(bytes=packet.file_header(kind, snap))
            async for data in _records(opened, link, snap):
                yield common_pb2.Data(bytes=data)


def _end(peer: str) -> tuple[packet.Address, int] | None:
    """Return address and port of a caller as the server names it, such as ipv4:10.0.0.1:4711."""
    kind, _, place = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    host, _, port = unquote(place).rpartition(":")
    address = ip_address(host.strip("[]"))
    # On a socket for both families the packets of the older one are what they always were.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address, int(port)


def _link(name: str) -> Path:
    if not name or "/" in name or name in (".", ".."):
        raise ConfigError(f"{name!r} is not the name of a link, such as eth0")
    return _LINKS / name


def _own_alone(
    link: str, address: str, program: list[packet.Instruction]
) -> list[packet.Instruction]:
    if link != _LOOPBACK:
        raise NodeError(f"a lab node has no link but {_LOOPBACK}")
    return packet.only_of(IPv4Address(address), program)


def _open(link: str, program: list[packet.Instruction], *, promiscuous: bool) -> socket.socket:
    try:
        # Of no protocol: nothing comes before the filter is there.
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    except PermissionError as error:
        raise NodeError("packets are captured by root alone, which this node is not") from error
    try:
        packet.prepare(opened, program)
        _enlarge(opened)
        opened.bind((link, packet.ETH_P_ALL))
        if promiscuous:
            packet.join_promiscuous(opened, link)
    except BaseException:
        opened.close()
        raise
    return opened


def _enlarge(opened: socket.socket) -> None:
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)


async def _records(opened: socket.socket, link: str, snap: int) -> AsyncIterator[bytes]:
    buffer = bytearray(snap)
    while True:
        await _readable(opened)
        try:
            if data := b"".join(_batch(opened, buffer)):
                yield data
        except OSError as error:
            raise NodeError(
                f"link {link} cannot be read: {os.strerror(error.errno or 0)}"
            ) from error


def _batch(opened: socket.socket, buffer: bytearray) -> Iterator[bytes]:
    size = 0
    for _ in range(BATCH_PACKETS):
        try:
            record = packet.receive(opened, buffer)
        except BlockingIOError:
            return
        yield record
        size += len(record)
        if size >= BATCH_BYTES:
            return


async def _readable(opened: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(opened, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(opened)
