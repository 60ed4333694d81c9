# SPDX-License-Identifier: Apache-2.0
"""Sockets, from tables as kernels print them and from this machine's own."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.api import machine_pb2
from edge.node.api import netstat
from edge.node.api.netstat import NetstatCalls, owners, spaces
from edge.node.api.socket_table import is_listening, parse
from edge.node.machine import Machine
from tests.fakes.call import CONTEXT
from tests.fakes.node import FakePlatform

GOLDEN = Path(__file__).parents[2] / "golden/netstat"
Request = machine_pb2.NetstatRequest
Record = machine_pb2.ConnectRecord

# Addresses are printed in the machine's byte order; the texts are of one like ours.
pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="texts of a little-endian one")


def _table(name: str) -> list[Record]:
    with (GOLDEN / name).open() as lines:
        return list(parse(name, lines))


def _ends(name: str) -> list[tuple[str, str, str]]:
    return [
        (
            f"{each.localip} {each.localport}",
            f"{each.remoteip} {each.remoteport}",
            Record.State.Name(each.state),
        )
        for each in _table(name)
    ]


def test_ends_and_states_of_connections() -> None:
    """A connection half made counts as one that was asked for."""
    assert _ends("tcp") == [
        ("0.0.0.0 22", "0.0.0.0 0", "LISTEN"),
        ("127.0.0.1 8080", "127.0.0.1 54321", "ESTABLISHED"),
        ("10.2.0.10 50000", "10.0.2.2 35552", "TIME_WAIT"),
        ("10.2.0.10 50000", "10.0.2.3 35553", "SYN_RECV"),
    ]


def test_long_addresses() -> None:
    """Those that stand for short ones are written as such."""
    assert _ends("tcp6") == [
        (":: 50000", ":: 0", "LISTEN"),
        ("127.0.0.1 50000", "127.0.0.2 40000", "ESTABLISHED"),
        ("2001:db8::123:4567:89ab:cdef 5000", "fe80::5054:ff:fec3:a2b1 53", "FIN_WAIT1"),
    ]


def test_sockets_without_connections() -> None:
    """The last columns differ and do not matter."""
    assert _ends("udp") == [
        ("0.0.0.0 68", "0.0.0.0 0", "CLOSE"),
        ("10.2.0.10 57005", "8.8.8.8 53", "ESTABLISHED"),
    ]
    assert _ends("raw") == [("0.0.0.0 1", "0.0.0.0 0", "CLOSE")]


def test_every_other_column() -> None:
    """Hexadecimal or decimal as the kernel prints it."""
    assert _table("tcp")[1] == Record(
        l4proto="tcp",
        localip="127.0.0.1",
        localport=8080,
        remoteip="127.0.0.1",
        remoteport=54321,
        state=Record.ESTABLISHED,
        txqueue=26,
        rxqueue=1024,
        tr=Record.KEEPALIVE,
        timerwhen=0xA7B21,
        retrnsmt=3,
        uid=1000,
        timeout=12,
        inode=23456,
        ref=4,
        pointer=0xFFFF8881058A8000,
    )


def test_what_listens() -> None:
    """Whatever has no other end, of any protocol."""
    listening = [
        is_listening(each) for name in ("tcp", "tcp6", "udp", "raw") for each in _table(name)
    ]
    assert listening == [True, *[False] * 3, True, *[False] * 2, True, False, True]


def test_lines_that_are_cut_off_are_left_out() -> None:
    """As is the heading."""
    assert not list(parse("tcp", ["heading", "  0: 0100007F:1F90 00000000:0000", ""]))


@pytest.fixture
async def calls(new_machine: Callable[[], Machine]) -> NetstatCalls:
    calls = NetstatCalls()
    calls.machine = new_machine()
    return calls


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    """A connection of this process to itself; the ports of its ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            yield port, client.getsockname()[1]


async def _ask(calls: NetstatCalls, **more: Any) -> list[Record]:
    answer = await calls.Netstat(Request(**more), CONTEXT)
    return list(answer.messages[0].connectrecord)


def _ports(records: list[Record]) -> set[tuple[int, int]]:
    return {(each.localport, each.remoteport) for each in records}


async def test_this_processs_sockets(calls: NetstatCalls, pair: tuple[int, int]) -> None:
    """Without words everything of the machine; by filter only some."""
    port, other = pair
    listening, ends = {(port, 0)}, {(port, other), (other, port)}
    assert listening | ends <= _ports(await _ask(calls))
    some = _ports(await _ask(calls, filter=Request.LISTENING))
    assert listening <= some
    assert not ends & some
    some = _ports(await _ask(calls, filter=Request.CONNECTED))
    assert ends <= some
    assert not listening & some


async def test_protocols_and_namespaces_that_are_asked_for(
    calls: NetstatCalls, pair: tuple[int, int]
) -> None:
    """No others, and none without one."""
    machines = Request.NetNS(hostnetwork=True)
    found = await _ask(calls, l4proto=Request.L4proto(tcp=True), netns=machines)
    assert {each.l4proto for each in found} == {"tcp"}
    assert not await _ask(calls, l4proto=Request.L4proto(), netns=machines)
    assert not await _ask(calls, netns=Request.NetNS())


async def test_whose_sockets_they_are(calls: NetstatCalls, pair: tuple[int, int]) -> None:
    """When it is asked for."""
    found = await _ask(calls, feature=Request.Feature(pid=True), filter=Request.LISTENING)
    (mine,) = (each for each in found if each.localport == pair[0])
    assert mine.process.pid == os.getpid()
    assert mine.process.name
    assert not any(each.HasField("process") for each in await _ask(calls))


@asynccontextmanager
async def _listening_process() -> AsyncIterator[int]:
    """Run another process that listens; yield on which port."""
    program = (
        "import socket; server = socket.create_server(('127.0.0.1', 0));"
        "print(server.getsockname()[1], flush=True); server.accept()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


async def test_a_lab_node_shows_its_own_alone(
    calls: NetstatCalls, platform: FakePlatform, pair: tuple[int, int]
) -> None:
    """The machine's other sockets are not its administrator's to see."""
    platform.mode = "container"
    async with _listening_process() as foreign:
        found = await _ask(
            calls,
            feature=Request.Feature(pid=True),
            netns=Request.NetNS(allnetns=True, hostnetwork=True),
        )
    assert foreign not in {each.localport for each in found}
    assert pair[0] in {each.localport for each in found}
    assert {each.process.pid for each in found} == {os.getpid()}


async def test_too_many_sockets_are_not_sent(
    calls: NetstatCalls, pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is one message."""
    monkeypatch.setattr(netstat, "RECORDS_AT_MOST", 1)
    with pytest.raises(Exception, match="ask for fewer kinds"):
        await _ask(calls)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Three processes in three namespaces, one of which has a name, and one process of none."""
    for space in ("machine", "pod", "nameless"):
        (tmp_path / space).touch()
    for pid, space in {
        "self": "machine",
        "1": "machine",
        "20": "pod",
        "21": "pod",
        "3": "nameless",
    }.items():
        (tmp_path / pid / "ns").mkdir(parents=True)
        (tmp_path / pid / "ns/net").symlink_to(tmp_path / space)
        (tmp_path / pid / "fd").mkdir()
        (tmp_path / pid / "comm").write_text(f"process{pid}\n")
    (tmp_path / "4").mkdir()
    (tmp_path / "named").mkdir()
    (tmp_path / "named/cni-1").symlink_to(tmp_path / "pod")
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"hostnetwork": True}, [""]),
        ({}, []),
        ({"netns": ["cni-1"]}, ["cni-1"]),
        ({"hostnetwork": True, "netns": ["cni-1", "nosuch"]}, ["", "cni-1"]),
    ],
)
def test_named_namespaces(proc: Path, wanted: dict[str, Any], names: list[str]) -> None:
    """One process of each is enough to read its tables by."""
    found = spaces(Request.NetNS(**wanted), proc, proc / "named")
    assert [each.name for each in found] == names


def test_all_namespaces(proc: Path) -> None:
    """Those without a name go by their number."""
    found = spaces(Request.NetNS(hostnetwork=True, allnetns=True), proc, proc / "named")
    number = (proc / "nameless").stat().st_ino
    assert [(each.name, each.process.name) for each in found] == [
        ("", "self"),
        (f"net:[{number}]", "3"),
        ("cni-1", "20"),
    ]
    assert [each.name for each in spaces(Request.NetNS(allnetns=True), proc, proc / "none")] != []


def test_owners_of_sockets(proc: Path) -> None:
    """The first process that has one, as after a fork."""
    for pid, fd, target in (
        ("1", "0", "socket:[77]"),
        ("20", "3", "socket:[77]"),
        ("20", "4", "pipe:[8]"),
    ):
        (proc / pid / "fd" / fd).symlink_to(target)
    (proc / "21/fd/9").symlink_to("socket:[99]")
    assert {inode: (each.pid, each.name) for inode, each in owners(proc).items()} == {
        77: (1, "process1"),
        99: (21, "process21"),
    }
