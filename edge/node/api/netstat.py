# SPDX-License-Identifier: Apache-2.0
"""The Netstat call: sockets of the machine and of other network namespaces, and whose they are.

A lab node shows its own process's sockets alone; the machine's others are not its.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.api import machine_pb2
from edge.errors import NodeError
from edge.node.api.guard import Context
from edge.node.api.socket_table import PROTOCOLS, is_listening, parse
from edge.node.machine import Machine

RECORDS_AT_MOST = 200_000
_PROC = Path("/proc")
_NAMED = Path("/run/netns")
_Request = machine_pb2.NetstatRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """One network namespace: what it is called, and a process in it that shows its tables."""

    name: str
    process: Path


class NetstatCalls:
    """The part of MachineService that shows sockets."""

    machine: Machine

    async def Netstat(
        self, request: machine_pb2.NetstatRequest, _context: Context
    ) -> machine_pb2.NetstatResponse:
        """List the sockets that are asked for; of the machine, and all protocols, without words."""
        own = self.machine.platform.mode == "container"
        records = await asyncio.to_thread(_collect, request, own_only=own)
        return machine_pb2.NetstatResponse(messages=[machine_pb2.Netstat(connectrecord=records)])


def spaces(
    request: machine_pb2.NetstatRequest.NetNS, proc: Path = _PROC, named: Path = _NAMED
) -> list[Space]:
    """Return the namespaces that are asked for, as far as a process lives in them."""
    names = _names(named)
    here = _identity(proc / "self/ns/net")
    found = {here: Space(name="", process=proc / "self")} if request.hostnetwork else {}
    if not (request.allnetns or request.netns):
        return list(found.values())
    for process in _processes(proc):
        identity = _identity(process / "ns/net")
        if identity is None or identity == here or identity in found:
            continue
        name = names.get(identity, f"net:[{identity[1]}]")
        if request.allnetns or name in request.netns:
            found[identity] = Space(name=name, process=process)
    return list(found.values())


def owners(proc: Path = _PROC) -> dict[int, machine_pb2.ConnectRecord.Process]:
    """Return which process has which socket, by inode; of several the first."""
    found: dict[int, machine_pb2.ConnectRecord.Process] = {}
    for process in _processes(proc):
        inodes = [inode for inode in _sockets(process) if inode not in found]
        if not inodes:
            continue
        with suppress(OSError):
            name = (process / "comm").read_text(errors="replace").strip()
            owner = machine_pb2.ConnectRecord.Process(pid=int(process.name), name=name)
            found |= dict.fromkeys(inodes, owner)
    return found


def _collect(
    request: machine_pb2.NetstatRequest, *, own_only: bool
) -> list[machine_pb2.ConnectRecord]:
    wanted = request.netns if request.HasField("netns") else _Request.NetNS(hostnetwork=True)
    if own_only:
        wanted = _Request.NetNS(hostnetwork=wanted.hostnetwork)
    mine = set(_sockets(_PROC / "self")) if own_only else None
    known = owners() if request.feature.pid and not own_only else {}
    if request.feature.pid and mine is not None:
        me = machine_pb2.ConnectRecord.Process(pid=os.getpid(), name=_own_name())
        known = dict.fromkeys(mine, me)
    records = []
    for record in _records(request, spaces(wanted)):
        if mine is not None and record.inode not in mine:
            continue
        if record.inode in known:
            record.process.CopyFrom(known[record.inode])
        records.append(record)
        if len(records) > RECORDS_AT_MOST:
            raise NodeError(f"there are more than {RECORDS_AT_MOST} sockets: ask for fewer kinds")
    return records


def _records(
    request: machine_pb2.NetstatRequest, among: list[Space]
) -> Iterator[machine_pb2.ConnectRecord]:
    for space in among:
        for protocol in PROTOCOLS:
            if request.HasField("l4proto") and not getattr(request.l4proto, protocol):
                continue
            for record in _table(space, protocol):
                if _is_shown(record, request.filter):
                    record.netns = space.name
                    yield record


def _table(space: Space, protocol: str) -> Iterator[machine_pb2.ConnectRecord]:
    # A kernel need not know every protocol, and a process may end.
    with suppress(OSError), (space.process / "net" / protocol).open() as lines:
        yield from parse(protocol, lines)


def _is_shown(record: machine_pb2.ConnectRecord, wanted: int) -> bool:
    return wanted == _Request.ALL or is_listening(record) == (wanted == _Request.LISTENING)


def _own_name() -> str:
    return (_PROC / "self/comm").read_text(errors="replace").strip()


def _processes(proc: Path) -> list[Path]:
    return sorted(
        (entry for entry in proc.iterdir() if entry.name.isdigit()),
        key=lambda entry: int(entry.name),
    )


def _sockets(process: Path) -> Iterator[int]:
    with suppress(OSError):
        for entry in (process / "fd").iterdir():
            with suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    yield int(target[8:-1])


def _names(named: Path) -> dict[tuple[int, int] | None, str]:
    if not named.is_dir():
        return {}
    return {_identity(entry): entry.name for entry in named.iterdir()}


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino
