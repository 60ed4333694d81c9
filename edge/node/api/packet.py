# SPDX-License-Identifier: Apache-2.0
"""Packets from the kernel and into a pcap file: sockets, filter programs, records.

Numbers are the kernel's (linux/if_packet.h, linux/filter.h, linux/if_arp.h) and those of the
pcap file format. Instructions are of the classic BPF, as clients compile their filters to.
"""

import ctypes
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from edge.api import machine_pb2
from edge.errors import ConfigError

ETH_P_ALL = 0x0003
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_AUXDATA = 263, 1, 8
_MR_PROMISC = 1
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_OUTGOING, _ARP_LOOPBACK = 4, 772
_VLAN_VALID, _VLAN_PROTOCOL_VALID = 0x10, 0x40
_ETH_P_VLAN = 0x8100
_AUXDATA = struct.Struct("=IIIHHHH")
_TIME = struct.Struct("@ll")
_INSTRUCTION = struct.Struct("=HBBI")
INSTRUCTIONS_AT_MOST = 4096
_ETHERNET, _RAW = 1, 101
_TYPES = {1: _ETHERNET, _ARP_LOOPBACK: _ETHERNET, 65534: _RAW}
_MAGIC = 0xA1B2C3D4

_LD_HALF, _LD_WORD, _LD_BYTE, _LD_NUMBER = 0x28, 0x20, 0x30, 0x00
_LD_HALF_AT_X, _LD_X_NUMBER, _LD_X_HEADER = 0x48, 0x01, 0xB1
_JUMP_EQUAL, _RETURN, _TO_X = 0x15, 0x06, 0x07
_ETH_P_IP, _ETH_P_IPV6, _TCP = 0x0800, 0x86DD, 6
# Where the kernel finds a packet's protocol and its network header, on links of any type.
_PROTOCOL, _NETWORK = 0xFFFFF000, 0xFFF00000


# What `only_of` and `without` put in front of a program.
_OURS_AT_MOST = 64

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a filter."""

    op: int
    jt: int = 0
    jf: int = 0
    k: int = 0


def read_program(wanted: Sequence[machine_pb2.BPFInstruction]) -> list[Instruction]:
    """Return a client's filter.

    Raises:
        ConfigError: when it is too long or a number does not fit.
    """
    if len(wanted) > INSTRUCTIONS_AT_MOST - _OURS_AT_MOST:
        raise ConfigError(f"the filter has {len(wanted)} instructions, which is too many")
    program = [Instruction(each.op, each.jt, each.jf, each.k) for each in wanted]
    for number, each in enumerate(program):
        if each.op > 0xFFFF or each.jt > 0xFF or each.jf > 0xFF:
            raise ConfigError(f"instruction {number} of the filter has a number that is too large")
    return program


def only_of(address: IPv4Address, program: Sequence[Instruction]) -> list[Instruction]:
    """Return a filter that lets through what `program` does of the packets with `address`."""
    number = int(address)
    return [
        Instruction(_LD_HALF, k=12),
        Instruction(_JUMP_EQUAL, 0, 4, _ETH_P_IP),
        Instruction(_LD_WORD, k=26),
        Instruction(_JUMP_EQUAL, 3, 0, number),
        Instruction(_LD_WORD, k=30),
        Instruction(_JUMP_EQUAL, 1, 0, number),
        Instruction(_RETURN, k=0),
        *_begin(program),
    ]


def without(address: Address, port: int, program: Sequence[Instruction]) -> list[Instruction]:
    """Return a filter that lets through what `program` does, but no TCP with that end."""
    if isinstance(address, IPv4Address):
        kind, next_header, source, target = _ETH_P_IP, 9, 12, 16
        transport = Instruction(_LD_X_HEADER, k=_NETWORK)
    else:
        kind, next_header, source, target = _ETH_P_IPV6, 6, 8, 24
        transport = Instruction(_LD_X_NUMBER, k=40)
    either = [
        transport,
        *_drop_end(address, source, port, 0),
        *_drop_end(address, target, port, 2),
    ]
    is_tcp = [
        (Instruction(_LD_HALF, k=_PROTOCOL), kind),
        (Instruction(_LD_BYTE, k=_NETWORK + next_header), _TCP),
    ]
    return [*_all(is_tcp, beyond=len(either)), *either, *_begin(program)]


def _drop_end(address: Address, start: int, port: int, port_start: int) -> list[Instruction]:
    """Return steps that drop a packet with `address` and `port` at these places of its headers."""
    packed = address.packed
    tests = [
        (Instruction(_LD_WORD, k=_NETWORK + start + at), int.from_bytes(packed[at : at + 4]))
        for at in range(0, len(packed), 4)
    ]
    tests.append((Instruction(_LD_HALF_AT_X, k=_NETWORK + port_start), port))
    return [*_all(tests, beyond=1), Instruction(_RETURN, k=0)]


def _all(tests: Sequence[tuple[Instruction, int]], *, beyond: int) -> list[Instruction]:
    """Return steps that go on behind the next `beyond` ones unless all loads give their value."""
    steps = list[Instruction]()
    for number, (load, value) in enumerate(tests, start=1):
        left = 2 * (len(tests) - number)
        steps += [load, Instruction(_JUMP_EQUAL, 0, left + beyond, value)]
    return steps


def _begin(program: Sequence[Instruction]) -> list[Instruction]:
    # A program may count on empty registers.
    empty = [Instruction(_LD_NUMBER, k=0), Instruction(_TO_X)]
    return [*empty, *(program or [Instruction(_RETURN, k=0xFFFFFFFF)])]


def link_type(hardware: int) -> int:
    """Return how a pcap file calls packets of a link of a kernel's hardware type.

    Raises:
        ConfigError: when there is no such name.
    """
    if hardware not in _TYPES:
        raise ConfigError(f"packets of links of type {hardware} cannot be captured")
    return _TYPES[hardware]


def prepare(opened: socket.socket, program: Sequence[Instruction]) -> None:
    """Set a socket's filter, and have it tell times and true lengths.

    Raises:
        ConfigError: when the kernel does not take the filter.
    """
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    opened.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    if not program:
        return
    code = b"".join(_INSTRUCTION.pack(each.op, each.jt, each.jf, each.k) for each in program)
    kept = ctypes.create_string_buffer(code, len(code))
    try:
        opened.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("@HP", len(program), ctypes.addressof(kept)),
        )
    except OSError as error:
        raise ConfigError("the filter is no program that the kernel takes") from error


def join_promiscuous(opened: socket.socket, link: str) -> None:
    """Have the link take packets that are not for it, for as long as the socket is open."""
    wish = struct.pack("@iHH8s", socket.if_nametoindex(link), _MR_PROMISC, 0, b"")
    opened.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, wish)


def file_header(kind: int, snap: int) -> bytes:
    """Return the beginning of a pcap file: version 2.4, times in microseconds."""
    return struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, snap, kind)


def receive(opened: socket.socket, buffer: bytearray) -> bytes:
    """Return the next packet as a record, as much of it as `buffer` holds.

    Nothing is what comes of a packet that is seen twice.

    Raises:
        BlockingIOError: when there is none.
    """
    space = socket.CMSG_SPACE(_AUXDATA.size) + socket.CMSG_SPACE(_TIME.size)
    size, extras, _flags, origin = opened.recvmsg_into([buffer], space, socket.MSG_TRUNC)
    if origin[2] == _OUTGOING and origin[3] == _ARP_LOOPBACK:
        # What a machine sends to itself comes in as well.
        return b""
    found = {(level, kind): data for level, kind, data in extras}
    data, length = bytes(buffer[: min(size, len(buffer))]), size
    if (auxiliary := found.get((_SOL_PACKET, _PACKET_AUXDATA))) is not None:
        status, length, _snap, _mac, _net, tag, protocol = _AUXDATA.unpack(auxiliary)
        if status & _VLAN_VALID:
            known = protocol if status & _VLAN_PROTOCOL_VALID else _ETH_P_VLAN
            data, length = _tagged(data, known, tag, len(buffer)), length + 4
    return _record(_when(found), data, max(length, len(data)))


def _tagged(data: bytes, protocol: int, tag: int, most: int) -> bytes:
    # The kernel takes the tag out, and a file has it between the addresses and the type.
    return (data[:12] + struct.pack(">HH", protocol, tag) + data[12:])[:most]


def _when(found: dict[tuple[int, int], bytes]) -> tuple[int, int]:
    if stamp := found.get((socket.SOL_SOCKET, _SO_TIMESTAMPNS)):
        seconds, nanoseconds = _TIME.unpack(stamp)
        return seconds, nanoseconds
    return divmod(time.time_ns(), 1_000_000_000)


def _record(when: tuple[int, int], data: bytes, length: int) -> bytes:
    return struct.pack("<IIII", when[0], when[1] // 1000, len(data), length) + data
