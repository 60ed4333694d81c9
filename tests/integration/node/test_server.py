# SPDX-License-Identifier: Apache-2.0
"""What a node's server bears: many connections at once, large messages, streams nobody reads."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from edge.api import machine_pb2, machine_pb2_grpc
from edge.node.api.server import MESSAGE_LIMIT, MOST_STREAMS
from tests.benchmarks.api_node import BenchNode, bench_node
from tests.benchmarks.api_wire import Wire, connect, headers

PORT = 50000
VERSION = "/machine.MachineService/Version"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchNode]:
    with bench_node(tmp_path_factory.mktemp("server")) as made:
        yield made


def _channel(node: BenchNode) -> grpc.aio.Channel:
    trust = node.trust
    credentials = grpc.ssl_channel_credentials(trust.ca, trust.key, trust.crt)
    options = [("grpc.max_send_message_length", -1)]
    return grpc.aio.secure_channel(f"{node.address}:{PORT}", credentials, options=options)


def _machine(channel: grpc.aio.Channel) -> Any:
    stub: Any = machine_pb2_grpc.MachineServiceStub(channel)
    return stub


async def test_a_crowd_connects_calls_and_hangs_up(node: BenchNode) -> None:
    """All at the same moment, three times over; nobody is refused and the node lives on."""
    context, block, pid = node.tls(), headers(VERSION, node.address), node.pid
    for _ in range(3):
        wires: list[Wire] = await asyncio.gather(
            *(connect(node.address, PORT, context) for _ in range(200))
        )
        for wire in wires:
            wire.call(block, 10)
        await asyncio.gather(*(wire.settled(60) for wire in wires))
        assert [wire.failed for wire in wires] == [0] * len(wires)
        for wire in wires:
            wire.close()
    assert node.pid == pid


async def test_a_request_that_is_too_large_is_refused_in_numbers(node: BenchNode) -> None:
    """Before anything of it is read into a message."""
    async with _channel(node) as channel:
        request = machine_pb2.ApplyConfigurationRequest(data=b"#" * MESSAGE_LIMIT)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _machine(channel).ApplyConfiguration(request)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert str(MESSAGE_LIMIT) in (caught.value.details() or "")
        assert (await _machine(channel).Version(Empty())).messages


async def test_streams_beyond_the_limit_wait_for_their_turn(node: BenchNode) -> None:
    """One connection cannot have any number of them; another has its own."""
    request = machine_pb2.EventsRequest()
    before = node.descriptors()
    async with _channel(node) as channel, _channel(node) as other:
        streams = [_machine(channel).Events(request) for _ in range(MOST_STREAMS + 50)]
        await asyncio.gather(*(stream.read() for stream in streams[:MOST_STREAMS]))
        late = asyncio.ensure_future(streams[-1].read())
        assert (await _machine(other).Version(Empty(), timeout=60)).messages
        assert not late.done()
        for stream in streams:
            stream.cancel()
        late.cancel()
        assert (await _machine(other).Version(Empty(), timeout=60)).messages
    assert node.descriptors() <= before + 5


async def test_a_stream_that_nobody_reads_takes_little(node: BenchNode) -> None:
    """The node stops writing when the windows are full, however much there is."""
    async with _channel(node) as channel:
        before = node.resident_bytes()
        request = machine_pb2.CopyRequest(root_path="/")
        streams = [_machine(channel).Copy(request) for _ in range(5)]
        for stream in streams:
            await stream.read()
        await asyncio.sleep(2)
        assert node.resident_bytes() - before < 64 << 20
        for stream in streams:
            stream.cancel()


async def test_a_call_that_is_being_answered_is_answered_before_the_end(node: BenchNode) -> None:
    """Shutting down gracefully, the node hangs up last."""
    async with _channel(node) as channel:
        answer = await _machine(channel).Shutdown(machine_pb2.ShutdownRequest())
        assert answer.messages[0].actor_id
    async with asyncio.timeout(60):
        while node.lab.node(node.node.name).pid:  # noqa: ASYNC110 - it is a process
            await asyncio.sleep(0.1)
