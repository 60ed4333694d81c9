# SPDX-License-Identifier: Apache-2.0
"""The kernel's tables of sockets, /proc/net/tcp and its like, as records of the Netstat call."""

import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import islice

from edge.api import machine_pb2

PROTOCOLS = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6")
_State = machine_pb2.ConnectRecord.State
_Timer = machine_pb2.ConnectRecord.TimerActive
_NEW_SYN_RECV = 12
_WORD = 8


def parse(protocol: str, lines: Iterable[str]) -> Iterator[machine_pb2.ConnectRecord]:
    """Yield the sockets of one table, whose first line is a heading."""
    for line in islice(lines, 1, None):
        fields = line.split()
        if len(fields) >= 12:
            yield _record(protocol, fields)


def is_listening(record: machine_pb2.ConnectRecord) -> bool:
    """Say whether a socket has no other end, so that it waits for anybody."""
    return record.remoteport == 0 and record.remoteip in ("0.0.0.0", "::")  # noqa: S104


def _record(protocol: str, fields: list[str]) -> machine_pb2.ConnectRecord:
    _, local, remote, state, queues, timer, retransmits, uid, timeout, inode, ref, pointer = fields[
        :12
    ]
    local_ip, local_port = _endpoint(local)
    remote_ip, remote_port = _endpoint(remote)
    sending, receiving = (int(part, 16) for part in queues.split(":"))
    active, when = (int(part, 16) for part in timer.split(":"))
    return machine_pb2.ConnectRecord(
        l4proto=protocol,
        localip=local_ip,
        localport=local_port,
        remoteip=remote_ip,
        remoteport=remote_port,
        state=_state(int(state, 16)),
        txqueue=sending,
        rxqueue=receiving,
        tr=_Timer.Name(active) if active in _Timer.values() else "OFF",
        timerwhen=when,
        retrnsmt=int(retransmits, 16),
        uid=int(uid),
        timeout=int(timeout),
        inode=int(inode),
        ref=int(ref),
        pointer=int(pointer, 16),
    )


def _state(number: int) -> str:
    # The kernel has one more for connections that wait for their last acknowledgement.
    if number == _NEW_SYN_RECV:
        return "SYN_RECV"
    return _State.Name(number) if number in _State.values() else "RESERVED"


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.partition(":")
    # Each word of an address is written as a number of the machine's own byte order.
    words = (address[start : start + _WORD] for start in range(0, len(address), _WORD))
    raw = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    if len(raw) == 4:
        return str(IPv4Address(raw)), int(port, 16)
    full = IPv6Address(raw)
    return str(full.ipv4_mapped or full), int(port, 16)
