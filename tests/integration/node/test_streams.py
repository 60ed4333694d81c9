# SPDX-License-Identifier: Apache-2.0
"""Streams that are opened and dropped, read slowly or not at all, leave nothing behind."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest_asyncio
from google.protobuf.message import Message

from edge.api import machine_pb2, resource_pb2
from edge.node.api.gate import MachineService
from edge.node.api.guard import caller_roles
from edge.node.apply import Applier
from edge.node.log import start_logging
from edge.node.machine import Machine
from edge.pki.role import Role
from edge.provision.lab import LabNode
from edge.units import MIB
from tests.fakes.node import FakePlatform, write_disk
from tests.integration.node.conftest import Bench, patiently
from tests.integration.node.wire import connected, start

STREAMS = 1000
AT_ONCE = 100
_FILES = 20_000
_FEW = 10
"""Threads are started as they are first needed, and neighbours connect, whatever we do."""
_MACHINE = "/machine.MachineService"
KINDS: list[tuple[str, Message]] = [
    (f"{_MACHINE}/Events", machine_pb2.EventsRequest(tail_events=-1)),
    (f"{_MACHINE}/Dmesg", machine_pb2.DmesgRequest(follow=True)),
    (
        f"{_MACHINE}/Logs",
        machine_pb2.LogsRequest(namespace="system", id="machined", follow=True, tail_lines=-1),
    ),
    (f"{_MACHINE}/List", machine_pb2.ListRequest(root="/", recurse=True)),
    (f"{_MACHINE}/DiskUsage", machine_pb2.DiskUsageRequest(paths=["/"], all=True)),
    (f"{_MACHINE}/Copy", machine_pb2.CopyRequest(root_path="/")),
    (f"{_MACHINE}/Read", machine_pb2.ReadRequest(path="/large")),
    (f"{_MACHINE}/PacketCapture", machine_pb2.PacketCaptureRequest(interface="lo")),
    (
        "/cosi.resource.State/Watch",
        resource_pb2.WatchRequest(
            namespace="runtime",
            type="MachineStatuses.runtime.talos.dev",
            options=resource_pb2.WatchOptions(bootstrap_contents=True),
        ),
    ),
]


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    open: tuple[str, ...]
    threads: int
    memory_bytes: int

    @property
    def files(self) -> int:
        """How many files it has open."""
        return len(self.open)


def _held(pid: int) -> Held:
    folder = Path("/proc", str(pid))
    status = dict(
        line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
    )
    return Held(
        open=tuple(sorted(_targets(folder / "fd"))),
        threads=len(list((folder / "task").iterdir())),
        memory_bytes=int(status["VmRSS"].split()[0]) * 1024,
    )


def _targets(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        with suppress(OSError):  # it has been closed just now
            yield str(entry.readlink())


def _machined(node: LabNode) -> int:
    """Return the node's own process: the only child of what keeps it running."""
    assert node.pid
    text = Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text()
    (pid,) = text.split()
    return int(pid)


@pytest_asyncio.fixture(loop_scope="function")
async def node(bench: Bench) -> LabNode:
    """A configured node with a large file and a large folder."""
    node = bench.start("streaming", enrolment=False)
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, bench.generate(node).controlplane)
    async with bench.administrator(node):
        await asyncio.to_thread(_fill, node.folder)
        return node


def _fill(folder: Path) -> None:
    with (folder / "large").open("wb") as file:
        file.write(random.Random(1).randbytes(8 * MIB))
    (folder / "many").mkdir(exist_ok=True)
    for number in range(_FILES):
        (folder / f"many/{number:06}-{'n' * 40}").touch()


@pytest_asyncio.fixture(loop_scope="function")
async def channel(bench: Bench, node: LabNode) -> AsyncIterator[Any]:
    async with connected(node, bench.mutual(node)) as channel:
        yield channel


async def _drop(channel: Any, number: int) -> None:
    """Open a stream and drop it: at once, after its first message, or after some more."""
    path, request = KINDS[number % len(KINDS)]
    stream = start(channel, path, request)
    with suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(0.5):
            for _ in range(number // len(KINDS) % 3):
                await stream.read()
    stream.cancel()


async def _drop_many(channel: Any, count: int) -> None:
    for first in range(0, count, AT_ONCE):
        await asyncio.gather(*(_drop(channel, first + each) for each in range(AT_ONCE)))


async def _settled(pid: int, before: Held) -> Held:
    """Wait for what was dropped to be let go of."""

    async def look() -> Held:
        held = _held(pid)
        assert held.files <= before.files + _FEW, set(held.open) - set(before.open)
        assert held.threads <= before.threads + _FEW
        return held

    with suppress(TimeoutError):
        return await patiently(look)
    return _held(pid)


async def test_a_thousand_dropped_streams(node: LabNode, channel: Any) -> None:
    """The node has about as many open files and threads as before, and hardly more memory."""
    pid = _machined(node)
    await _drop_many(channel, 2 * AT_ONCE)
    await asyncio.sleep(1)
    before = _held(pid)
    await _drop_many(channel, STREAMS)
    after = await _settled(pid, before)
    assert after.files <= before.files + _FEW, set(after.open) - set(before.open)
    assert after.threads <= before.threads + _FEW
    assert after.memory_bytes - before.memory_bytes < 32 * MIB


async def test_slow_readers_cost_little(node: LabNode, channel: Any) -> None:
    """Whoever reads one message of a large answer and no more does not have the rest made."""
    pid = _machined(node)
    await _drop_many(channel, AT_ONCE)
    before = await _settled(pid, _held(pid))
    slow = [
        (f"{_MACHINE}/List", machine_pb2.ListRequest(root="/many")),
        (f"{_MACHINE}/Read", machine_pb2.ReadRequest(path="/large")),
        (f"{_MACHINE}/Copy", machine_pb2.CopyRequest(root_path="/large")),
    ]
    streams = [start(channel, *slow[number % len(slow)]) for number in range(60)]
    first = await asyncio.gather(*(stream.read() for stream in streams))
    assert all(message is not grpc.aio.EOF for message in first)
    await asyncio.sleep(1)
    during = _held(pid)
    # All of them whole would be 340 MiB.
    assert during.memory_bytes - before.memory_bytes < 64 * MIB
    # Others are answered meanwhile.
    answer = await start(channel, f"{_MACHINE}/Read", machine_pb2.ReadRequest(path="/large")).read()
    assert answer.bytes
    for stream in streams:
        stream.cancel()
    after = await _settled(pid, before)
    assert after.files <= before.files + _FEW, set(after.open) - set(before.open)


async def test_a_huge_folder_is_listed_whole(channel: Any) -> None:
    """Nothing of it is left out."""
    stream = start(channel, f"{_MACHINE}/List", machine_pb2.ListRequest(root="/many"))
    names = [info.relative_name async for info in stream]
    assert names[0] == "."
    assert len(set(names)) == _FILES + 1


async def test_a_large_file_is_read_whole(node: LabNode, channel: Any) -> None:
    """Byte by byte the same."""
    stream = start(channel, f"{_MACHINE}/Read", machine_pb2.ReadRequest(path="/large"))
    content = b"".join([part.bytes async for part in stream])
    assert content == await asyncio.to_thread((node.folder / "large").read_bytes)


async def test_dropped_streams_leave_no_tasks(tmp_path: Path) -> None:
    """Counted in the server's own loop, which another process's cannot be."""
    await asyncio.to_thread(write_disk, tmp_path / "disk.img", {})
    platform = FakePlatform(tmp_path, mode="container", root=tmp_path)
    machine = Machine(platform, start_logging(lambda _text: None))
    caller_roles.set({Role.ADMIN})
    server = grpc.aio.server()
    from edge.api import machine_pb2_grpc

    service: Any = MachineService(machine, Applier(machine))
    machine_pb2_grpc.add_MachineServiceServicer_to_server(service, server)
    await asyncio.to_thread(_fill, tmp_path)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await _drop_own(channel, 30)
        await asyncio.sleep(0.5)
        before = len(asyncio.all_tasks())
        await _drop_own(channel, 150)

        async def look() -> None:
            assert len(asyncio.all_tasks()) <= before

        await patiently(look)
    await server.stop(None)


async def _drop_own(channel: Any, count: int) -> None:
    kinds = [kind for kind in KINDS if kind[0].startswith(_MACHINE)]
    for number in range(count):
        path, request = kinds[number % len(kinds)]
        stream = start(channel, path, request)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await stream.read()
        stream.cancel()
