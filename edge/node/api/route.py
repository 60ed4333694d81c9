# SPDX-License-Identifier: Apache-2.0
"""Forwarding: a control plane answers for other nodes by asking them, message bytes untouched.

A call for one node is passed through with its errors, metadata, deadline and cancellation. A call
for many is asked of all at once, and of each that fails there is an entry that says why.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any

import grpc

from edge.node.api.failure import CallFailed, Failure, from_error
from edge.node.api.merge import failed, failed_part, label, label_part
from edge.node.api.pool import Identity, Pool
from edge.node.api.target import Targets, forwarded, is_host, no_host

MOST_AT_ONCE = 64
"""Nodes that one call asks for a single answer at the same time."""
MOST_STREAMS = 256
"""Nodes that one call has stream at the same time: a stream may never end, so none waits."""
ANSWER_OF_MANY = 4 * 1024 * 1024
"""The largest answer of a node among many, as `MOST_AT_ONCE` of them may be held in memory."""
QUEUED_PARTS = 8
"""Messages of all streams of one call that wait for a slow reader; the nodes wait, too."""
MARGIN_S, MARGIN_SHARE = 0.5, 0.1

_NO_FORWARDING = Failure(grpc.StatusCode.PERMISSION_DENIED, "no request forwarding")

Context = grpc.aio.ServicerContext[Any, Any]
Requests = bytes | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Call:
    """One call to forward: its method, its caller's roles, and its context."""

    method: str
    roles: Collection[str]
    context: Context

    @property
    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """Return what goes along with it."""
        known: Any = self.context.invocation_metadata() or ()
        return forwarded(known, self.roles)


class Router:
    """Asks other nodes on behalf of callers; `identify` says as whom, if at all."""

    def __init__(
        self, identify: Callable[[], Identity | None], pool: Pool, *, message_limit: int
    ) -> None:
        self._identify = identify
        self._pool = pool
        self._limit = message_limit
        self._part_limit = min(ANSWER_OF_MANY, message_limit)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._pool.close()

    async def unary(self, call: Call, target: str, requests: Requests) -> bytes:
        """Return the answer of one node, its metadata handed on to the caller."""
        async with self._line(target) as channel:
            asked = _ask(channel, call, requests, call.context.time_remaining())
            answer: bytes = await asked
            if first := tuple(await asked.initial_metadata() or ()):
                await call.context.send_initial_metadata(first)
            call.context.set_trailing_metadata(tuple(await asked.trailing_metadata() or ()))
        return answer

    async def stream(self, call: Call, target: str, requests: Requests) -> None:
        """Pass on the messages of one node, as fast as the caller reads them."""
        async with self._line(target) as channel:
            asked = _open(channel, call, requests, call.context.time_remaining())
            try:
                if first := tuple(await asked.initial_metadata() or ()):
                    await call.context.send_initial_metadata(first)
                async for message in asked:
                    await call.context.write(message)
                call.context.set_trailing_metadata(tuple(await asked.trailing_metadata() or ()))
            finally:
                asked.cancel()

    async def unary_many(
        self, call: Call, targets: Targets, request: bytes, here: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """Return one answer made of all nodes' answers, in the order they were named in."""
        slots = asyncio.Semaphore(MOST_AT_ONCE)
        room = self._limit

        async def part(target: str) -> bytes:
            nonlocal room
            async with slots:
                try:
                    asked = here() if target == targets.own else self._single(call, target, request)
                    answer = label(await asked, target)
                    _check_size(answer, room)
                except Exception as error:
                    answer = failed(target, from_error(error, call.method))
            room -= len(answer)
            return answer

        return b"".join(await asyncio.gather(*(part(target) for target in targets.names)))

    async def stream_many(
        self,
        call: Call,
        targets: Targets,
        request: bytes,
        here: Callable[[], AsyncGenerator[bytes]],
    ) -> None:
        """Pass on the messages of all nodes as they come, as fast as the caller reads them.

        Raises:
            CallFailed: when these are too many nodes.
        """
        if len(targets.names) > MOST_STREAMS:
            raise CallFailed(_too_many_streams(len(targets.names)))
        parts: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_PARTS)

        async def pump(target: str) -> None:
            source = here() if target == targets.own else self._messages(call, target, request)
            try:
                async with aclosing(source) as messages:
                    async for message in messages:
                        part = label_part(message, target)
                        _check_size(part, self._limit)
                        await parts.put(part)
            except Exception as error:
                await parts.put(failed_part(target, from_error(error, call.method)))
            await parts.put(None)

        async with asyncio.TaskGroup() as pumps:
            for target in targets.names:
                pumps.create_task(pump(target))
            running = len(targets.names)
            while running:
                if (part := await parts.get()) is None:
                    running -= 1
                else:
                    await call.context.write(part)

    def _line(
        self, target: str, answer_limit: int | None = None
    ) -> AbstractAsyncContextManager[grpc.aio.Channel]:
        identity = self._identify()
        if identity is None:
            raise CallFailed(_NO_FORWARDING)
        if not is_host(target):
            raise CallFailed(no_host(target))
        return self._pool.line(target, identity, answer_limit=answer_limit)

    async def _single(self, call: Call, target: str, request: bytes) -> bytes:
        async with self._line(target, self._part_limit) as channel:
            answer: bytes = await _ask(channel, call, request, _sooner(call.context))
        return answer

    async def _messages(self, call: Call, target: str, request: bytes) -> AsyncGenerator[bytes]:
        async with self._line(target, self._part_limit) as channel:
            asked = _open(channel, call, request, _sooner(call.context))
            try:
                async for message in asked:
                    yield message
            finally:
                asked.cancel()


def _ask(channel: grpc.aio.Channel, call: Call, requests: Requests, timeout_s: float | None) -> Any:
    """Begin a call for one answer."""
    one = isinstance(requests, bytes)
    begin: Any = (channel.unary_unary if one else channel.stream_unary)(call.method)
    return begin(requests, metadata=call.metadata, timeout=timeout_s)


def _open(
    channel: grpc.aio.Channel, call: Call, requests: Requests, timeout_s: float | None
) -> Any:
    """Begin a call for a stream of answers."""
    one = isinstance(requests, bytes)
    begin: Any = (channel.unary_stream if one else channel.stream_stream)(call.method)
    return begin(requests, metadata=call.metadata, timeout=timeout_s)


def _sooner(context: Context) -> float | None:
    """Return a time limit that leaves time to answer for a node that does not."""
    left: float | None = context.time_remaining()
    return None if left is None else left - min(MARGIN_S, left * MARGIN_SHARE)


def _check_size(answer: bytes, limit: int) -> None:
    if len(answer) > limit:
        raise CallFailed(too_large(len(answer), limit))


def too_large(size: int, limit: int) -> Failure:
    """Return the failure of an answer that does not fit into a message."""
    return Failure(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"the answer has {size} bytes, and a message has room for {limit}",
    )


def _too_many_streams(count: int) -> Failure:
    said = f"a stream comes from {MOST_STREAMS} nodes at most, not from {count}"
    return Failure(grpc.StatusCode.INVALID_ARGUMENT, said)
