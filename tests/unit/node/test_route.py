# SPDX-License-Identifier: Apache-2.0
"""Forwarding between real servers: one that forwards, and fakes that answer as they are told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import grpc
import pytest

from edge.api import common_pb2, machine_pb2
from edge.config.generate import Generated
from edge.node.api.failure import DETAILS_KEY
from edge.node.api.pool import Pool
from edge.node.configuration import parse_configuration
from edge.node.machine import Machine
from edge.pki.role import Role
from edge.pki.secrets import SecretsBundle
from tests.fakes.backends import RELAY, SERVICE, Relay, hello, relaying, say_hello

ONE, TWO, THREE, DEAD = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
ODD = b"\xff\x00not a message"


@pytest.fixture
async def relay(
    new_machine: Callable[[], Machine], generated: Generated, bundle: SecretsBundle
) -> AsyncIterator[Relay]:
    machine = new_machine()
    await machine.boot()
    machine.activate(parse_configuration(generated.controlplane.encode()))
    async with relaying(machine, bundle.os) as made:
        yield made


def _one(channel: grpc.aio.Channel, node: str, request: bytes = b"", **more: Any) -> Any:
    call: Any = channel.unary_unary(f"{SERVICE}/One")
    return call(request, metadata=(("node", node), *more.pop("metadata", ())), **more)


def _many(channel: grpc.aio.Channel, *nodes: str, request: bytes = b"", **more: Any) -> Any:
    call: Any = channel.unary_unary(
        f"{SERVICE}/One", response_deserializer=machine_pb2.HostnameResponse.FromString
    )
    return call(request, metadata=tuple(("nodes", node) for node in nodes), **more)


def _streams(channel: grpc.aio.Channel, *nodes: str, request: bytes = b"", **more: Any) -> Any:
    call: Any = channel.unary_stream(
        f"{SERVICE}/Stream", response_deserializer=machine_pb2.Hostname.FromString
    )
    return call(request, metadata=tuple(("nodes", node) for node in nodes), **more)


def _raw(channel: Any, method: str, request: bytes, node: str = "") -> Any:
    """Begin a call whose answers are read one by one."""
    metadata = (("node", node),) if node else ()
    return channel.unary_stream(f"{SERVICE}/{method}")(request, metadata=metadata)


async def _bytes(*messages: bytes) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


async def _until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110 - it is the library that changes it
            await asyncio.sleep(0.01)


async def _failure(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_bytes_pass_as_they_are(relay: Relay) -> None:
    """Both ways, in calls of all four shapes, decodable or not."""

    async def echo(requests: AsyncIterator[bytes], context: Any) -> None:
        async for request in requests:
            await context.write(request)

    await relay.add(ONE, echo)
    node = (("node", ONE),)
    async with relay.channel() as channel:
        assert await _one(channel, ONE, ODD) == ODD
        assert [each async for each in _raw(channel, "Stream", ODD, ONE)] == [ODD]
        gather: Any = channel.stream_unary(f"{SERVICE}/Gather")
        assert await gather(_bytes(ODD), metadata=node) == ODD
        for method in ("Echo", "NobodyKnowsIt"):
            both: Any = channel.stream_stream(f"{SERVICE}/{method}")
            answers = both(_bytes(ODD, b"", ODD), metadata=node)
            assert [each async for each in answers] == [ODD, b"", ODD]


async def test_a_method_that_is_not_known_here_keeps_its_name(relay: Relay) -> None:
    """However long: another node may be newer."""
    backend, method = await relay.add(ONE), "Long" * 30
    async with relay.channel() as channel:
        assert await _raw(channel, method, b"", ONE).read() == hello("hello")
    assert backend.methods == [f"{SERVICE}/{method}"]


async def test_who_calls_and_from_where_goes_along(relay: Relay) -> None:
    """The caller's roles and metadata, but not where the call was for."""
    backend = await relay.add(ONE)
    async with relay.channel(Role.ADMIN, Role.READER) as channel:
        more = (("x-own", "kept"), ("x-own", "both"), ("talos-role", "os:operator"))
        await _one(channel, ONE, metadata=more)
    (seen,) = backend.seen
    assert seen["x-own"] == ["kept", "both"]
    assert seen["talos-role"] == ["os:admin", "os:reader"]
    assert seen["proxyfrom"] == ["unknown"]
    assert not seen.keys() & {"node", "nodes", ":authority"}


async def test_metadata_of_the_answer_come_back(relay: Relay) -> None:
    """What comes first, what comes last, and the whole of an error."""
    full = common_pb2.RpcStatus(code=5, message="gone").SerializeToString()

    async def answer(requests: AsyncIterator[bytes], context: Any) -> None:
        await context.send_initial_metadata((("x-first", "1"),))
        context.set_trailing_metadata((("x-last", "2"),))
        if [each async for each in requests] == [b"fail"]:
            await context.abort(grpc.StatusCode.NOT_FOUND, "gone", ((DETAILS_KEY, full),))
        await context.write(hello("x"))

    await relay.add(ONE, answer)
    async with relay.channel() as channel:
        call = _one(channel, ONE)
        await call
        assert ("x-first", "1") in tuple(await call.initial_metadata())
        assert ("x-last", "2") in tuple(await call.trailing_metadata())
        error = await _failure(_one(channel, ONE, b"fail"))
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "gone")
        assert (DETAILS_KEY, full) in tuple(error.trailing_metadata())


async def test_an_error_after_some_messages_comes_after_them(relay: Relay) -> None:
    """A stream that breaks off has been read so far."""

    async def break_off(_requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(b"1")
        await context.abort(grpc.StatusCode.DATA_LOSS, "broke off")

    await relay.add(ONE, break_off)
    async with relay.channel() as channel:
        answers = _raw(channel, "Stream", b"", ONE)
        assert await answers.read() == b"1"
        error = await _failure(answers.read())
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "broke off")


async def test_deadline_and_cancellation_go_along(relay: Relay) -> None:
    """The node that is asked stops working when the caller has no use for it."""
    left: list[float] = []

    async def hang(_requests: AsyncIterator[bytes], context: Any) -> None:
        left.append(context.time_remaining() or 0.0)
        await asyncio.sleep(60)

    backend = await relay.add(ONE, hang)
    async with relay.channel() as channel:
        error = await _failure(_one(channel, ONE, timeout=1))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert 0 < left[0] <= 1
        await _until(lambda: backend.ended == 1)
        begins: list[Callable[[], Any]] = [
            lambda: _one(channel, ONE),
            lambda: _raw(channel, "Stream", b"", ONE),
            lambda: _many(channel, ONE),
            lambda: _streams(channel, ONE),
        ]
        for count, begin in enumerate(begins, 2):
            call = begin()
            waiting = asyncio.ensure_future(_drain(call))
            await _until(lambda count=count: len(left) == count)  # type: ignore[misc]
            call.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            await _until(lambda: backend.ended == len(left))


async def _drain(call: Any) -> None:
    if hasattr(call, "__aiter__"):
        async for _ in call:
            pass
    else:
        await call


async def test_answers_of_many_are_one(relay: Relay) -> None:
    """In the order of the names, with this node among them, and with those that failed."""

    async def refuse(_requests: AsyncIterator[bytes], context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    async def talk_nonsense(_requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(b"\x0a\x7fcut off")

    for address, behaviour in ((ONE, say_hello), (TWO, refuse), (THREE, talk_nonsense)):
        await relay.add(address, behaviour)
    nodes = (TWO, ONE, RELAY, THREE, DEAD, "no port:1")
    async with relay.channel() as channel:
        answer = await _many(channel, *nodes)
    assert [each.metadata.hostname for each in answer.messages] == list(nodes)
    assert [each.hostname for each in answer.messages] == ["", "hello", "here ", "", "", ""]
    errors = [each.metadata.error for each in answer.messages]
    assert errors[0] == "rpc error: code = Unavailable desc = not now"
    assert errors[1:3] == ["", ""]
    assert "no message" in errors[3]
    assert "Connection refused" in errors[4]
    assert "is not the address or the name of a node" in errors[5]


@pytest.mark.parametrize(
    ("asked", "code"),
    [("abort", grpc.StatusCode.NOT_FOUND), ("missing", grpc.StatusCode.UNIMPLEMENTED)],
)
async def test_the_own_part_fails_alone(relay: Relay, asked: str, code: grpc.StatusCode) -> None:
    """This node's failure is an entry like anybody's, however its handler says it."""
    await relay.add(ONE)
    request = machine_pb2.Hostname(hostname=asked).SerializeToString()
    async with relay.channel() as channel:
        own, other = (await _many(channel, RELAY, ONE, request=request)).messages
    assert own.metadata.status.code == code.value[0]
    assert other.hostname == "hello"


async def test_streams_of_many_are_one(relay: Relay) -> None:
    """Each message says where it is from; a failure is the last that comes from a node."""

    async def count(_requests: AsyncIterator[bytes], context: Any) -> None:
        for number in range(50):
            await context.write(machine_pb2.Hostname(hostname=str(number)).SerializeToString())
        await context.abort(grpc.StatusCode.ABORTED, "enough")

    await relay.add(ONE, count)
    await relay.add(TWO, count)
    async with relay.channel() as channel:
        parts = [each async for each in _streams(channel, ONE, TWO, RELAY, DEAD)]
    for node in (ONE, TWO):
        own = [each for each in parts if each.metadata.hostname == node]
        assert [each.hostname for each in own[:-1]] == [str(number) for number in range(50)]
        assert own[-1].metadata.error == "rpc error: code = Aborted desc = enough"
    here = [each.hostname for each in parts if each.metadata.hostname == RELAY]
    assert here == ["here 0", "here 1", "here 2"]
    (dead,) = (each for each in parts if each.metadata.hostname == DEAD)
    assert dead.metadata.status.code == grpc.StatusCode.UNAVAILABLE.value[0]


async def test_a_slow_reader_slows_the_nodes_down(relay: Relay) -> None:
    """What nobody reads is not collected here either: the windows are all there is."""
    written = 0
    message = machine_pb2.Hostname(hostname="x" * 3000).SerializeToString()

    async def flood(_requests: AsyncIterator[bytes], context: Any) -> None:
        nonlocal written
        while True:
            await context.write(message)
            written += 1

    for address in (ONE, TWO):
        await relay.add(address, flood)
    async with relay.channel() as channel:
        answers = _streams(channel, ONE, TWO)
        await answers.read()
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.5)
        assert written * len(message) < 48 << 20
        for _ in range(20_000):
            await answers.read()
        assert written > before
        answers.cancel()


async def test_a_node_that_does_not_answer_leaves_time_for_the_rest(relay: Relay) -> None:
    """Its entry says so before the caller's own deadline has passed."""

    async def hang(_requests: AsyncIterator[bytes], _context: Any) -> None:
        await asyncio.sleep(60)

    await relay.add(ONE, hang)
    async with relay.channel() as channel:
        silent, own = (await _many(channel, ONE, RELAY, timeout=2)).messages
        assert silent.metadata.status.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
        assert own.hostname == "here "
        parts = [each async for each in _streams(channel, ONE, RELAY, timeout=2)]
    assert len(parts) == 4


async def test_what_is_too_large_is_said_in_numbers(relay: Relay) -> None:
    """Of this node's answers, of others', and of all together."""

    async def talk(_requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(hello("x" * 3000))

    await relay.add(ONE, talk)
    await relay.add(TWO, talk)
    large = machine_pb2.Hostname(hostname="large").SerializeToString()
    async with relay.channel() as channel:
        for call in (
            _raw(channel, "One", large).read(),
            _raw(channel, "Stream", large).read(),
        ):
            error = await _failure(call)
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "bytes, and a message has room for 4096" in (error.details() or "")
        parts = (await _many(channel, ONE, TWO)).messages
        assert sorted(bool(each.metadata.error) for each in parts) == [False, True]


async def test_sentences_of_what_is_missing_arrive(relay: Relay) -> None:
    """Also when a stream had begun; a method that there is not at all has the usual one."""
    request = machine_pb2.Hostname(hostname="missing").SerializeToString()
    async with relay.channel() as channel:
        error = await _failure(_raw(channel, "One", request).read())
        assert (error.code(), error.details()) == (
            grpc.StatusCode.UNIMPLEMENTED,
            "this board has none of it",
        )
        answers = _raw(channel, "Stream", request)
        assert all([await answers.read() for _ in range(3)])
        assert (await _failure(answers.read())).details() == "no more of it"
        error = await _failure(_raw(channel, "Nothing", b"").read())
        assert error.details() == "this node does not implement machine.MachineService/Nothing"
        error = await _failure(_raw(channel, "One", ODD).read())
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert error.details() == "the request is not what machine.MachineService/One takes"


async def test_a_bug_is_logged_and_not_told(relay: Relay) -> None:
    """The caller learns which call failed, the log learns why."""
    request = machine_pb2.Hostname(hostname="bug").SerializeToString()
    async with relay.channel() as channel:
        error = await _failure(_raw(channel, "One", request).read())
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == f"{SERVICE}/One failed: see the log apid"
    assert "KeyError" in relay.machine.logs.open("apid").tail()[-1]


async def test_requests_that_stream_are_answered_here(relay: Relay) -> None:
    """Each is decoded as it comes; one that cannot be ends the call."""
    names = [machine_pb2.Hostname(hostname=name).SerializeToString() for name in "ab"]
    async with relay.channel() as channel:
        gather: Any = channel.stream_unary(f"{SERVICE}/Gather")
        answer = machine_pb2.HostnameResponse.FromString(await gather(_bytes(*names)))
        assert answer.messages[0].hostname == "a b"
        echo: Any = channel.stream_stream(f"{SERVICE}/Echo")
        assert [each async for each in echo(_bytes(*names))] == names
        error = await _failure(gather(_bytes(names[0], ODD)))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_without_an_identity_nobody_is_asked(relay: Relay) -> None:
    """A worker has none, so that it can be made to speak for nobody."""
    backend = await relay.add(ONE)
    relay.identity = None
    async with relay.channel() as channel:
        error = await _failure(_one(channel, ONE))
        assert (error.code(), error.details()) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "no request forwarding",
        )
        own, other = (await _many(channel, RELAY, ONE)).messages
        assert own.hostname == "here "
        assert other.metadata.error.endswith("no request forwarding")
        assert (
            await _failure(_raw(channel, "Stream", b"", ONE).read())
        ).code() is grpc.StatusCode.PERMISSION_DENIED
    assert not backend.seen


async def test_connections_are_kept_and_let_go_of(
    new_machine: Callable[[], Machine], generated: Generated, bundle: SecretsBundle
) -> None:
    """One serves many calls, a new identity gets a new one, and nobody keeps an idle one."""
    machine = new_machine()
    await machine.boot()
    machine.activate(parse_configuration(generated.controlplane.encode()))
    async with relaying(machine, bundle.os, idle_s=0.3) as relay:
        backend = await relay.add(ONE)
        async with relay.channel() as channel:
            for _ in range(3):
                await _one(channel, ONE)
            assert (len(backend.peers), len(relay.pool)) == (1, 1)
            relay.identity = relay.new_identity()
            await _one(channel, ONE)
            assert (len(backend.peers), len(relay.pool)) == (2, 1)
            await _until(lambda: not len(relay.pool))
            await _one(channel, ONE)
            assert len(backend.peers) == 3


async def test_a_call_ends_on_the_connection_it_began_on(relay: Relay) -> None:
    """A renewed identity drops nobody."""
    go_on = asyncio.Event()

    async def wait(_requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(b"1")
        await go_on.wait()
        await context.write(b"2")

    backend = await relay.add(ONE, wait)
    async with relay.channel() as channel:
        calls = []
        for _ in range(2):
            calls.append(_raw(channel, "Stream", b"", ONE))
            assert await calls[-1].read() == b"1"
            relay.identity = relay.new_identity()
        go_on.set()
        for call in calls:
            assert (await call.read(), await call.read()) == (b"2", grpc.aio.EOF)
    assert len(backend.peers) == 2


async def test_few_idle_connections_are_kept(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than so many, the one that was used longest ago goes."""
    monkeypatch.setattr("edge.node.api.pool.MOST_IDLE", 2)
    pool, identity = Pool(port=1, message_limit=1), relay.new_identity()
    for name in ("a", "b", "c"):
        async with pool.line(name, identity):
            pass
    assert len(pool) == 2
    await pool.close()
    assert not len(pool)


async def test_connections_are_so_many_at_a_time(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idle ones make room; when all are used, the next node's entry says why."""
    monkeypatch.setattr("edge.node.api.pool.MOST_LINES", 2)
    go_on = asyncio.Event()

    async def wait(_requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(b"")
        await go_on.wait()

    for address in (ONE, TWO):
        await relay.add(address, wait)
    await relay.add(THREE)
    async with relay.channel() as channel:
        await _one(channel, THREE)
        streams = [_raw(channel, "Stream", b"", each) for each in (ONE, TWO)]
        for each in streams:
            assert await each.read() == b""
        assert len(relay.pool) == 2
        (refused,) = (await _many(channel, THREE)).messages
        assert refused.metadata.status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        go_on.set()
        for each in streams:
            assert await each.read() is grpc.aio.EOF
        assert (await _many(channel, THREE)).messages[0].hostname == "hello"


async def test_streams_come_from_so_many_nodes(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More would never have their turn, so the call is refused before any is asked."""
    monkeypatch.setattr("edge.node.api.route.MOST_STREAMS", 5)
    names = [f"node-{number}" for number in range(6)]
    async with relay.channel() as channel:
        error = await _failure(_streams(channel, *names).read())
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "a stream comes from 5 nodes at most, not from 6"
    assert not len(relay.pool)


async def test_a_node_among_many_has_a_smaller_answer(
    new_machine: Callable[[], Machine],
    generated: Generated,
    bundle: SecretsBundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not even received, while the same node may say as much when it is asked alone."""
    monkeypatch.setattr("edge.node.api.route.ANSWER_OF_MANY", 1024)
    machine = new_machine()
    await machine.boot()
    machine.activate(parse_configuration(generated.controlplane.encode()))

    async def talk(_requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(hello("x" * 3000))

    async with relaying(machine, bundle.os) as relay:
        await relay.add(ONE, talk)
        await relay.add(TWO)
        async with relay.channel() as channel:
            assert len(await _one(channel, ONE)) > 3000
            large, small = (await _many(channel, ONE, TWO)).messages
            assert large.metadata.status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            assert "larger than max" in large.metadata.error
            assert small.hostname == "hello"
