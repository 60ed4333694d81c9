# SPDX-License-Identifier: Apache-2.0
"""The loops behind the screens."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from textual.message import Message

from edge.errors import NodeError
from tests.fakes.nodes import FakeNode, FakeServices
from tui.feed import LONGEST_INTERVAL_S, Gaze, batches, follow, interval_s, listen, poll
from tui.messages import Answered, Failed, Heard, Listening, LogLines, LogStarted
from tui.services import Target

NODE = "edge-1"


class Posts:
    """Collects what is posted and lets a test wait for it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Message] = asyncio.Queue()

    def __call__(self, message: Message) -> None:
        self._queue.put_nowait(message)

    async def next(self, kind: type[Message]) -> Message:
        """Return the next message of a kind."""
        async with asyncio.timeout(60):
            while not isinstance(message := await self._queue.get(), kind):
                pass
        return message


async def test_poll_tells_answers_and_failures_and_ends_when_forgotten() -> None:
    """A node is asked until nobody wants to know."""
    node = FakeNode(name=NODE, address="10.0.0.11")
    services, posts, gaze = FakeServices(node), Posts(), Gaze()
    targets: list[Target | None] = [node.target()]
    task = asyncio.create_task(poll(services, lambda: targets[-1], gaze, posts))
    assert isinstance(await posts.next(Answered), Answered)
    node.alive = False
    gaze.look(close=True)
    failed = await posts.next(Failed)
    assert isinstance(failed, Failed)
    assert "refused" in failed.failure.reason
    targets.append(None)
    gaze.look(close=False)
    async with asyncio.timeout(60):
        await task


def test_failing_nodes_are_asked_less_often() -> None:
    """The pause doubles up to a limit; a node that is looked at is asked more often."""
    pauses = [interval_s(failures, close=False) for failures in range(6)]
    assert pauses == sorted(pauses)
    assert interval_s(10_000, close=False) == LONGEST_INTERVAL_S
    assert interval_s(0, close=True) < interval_s(1, close=True) < LONGEST_INTERVAL_S


async def test_listen_says_why_it_cannot_hear() -> None:
    """Without a network the reason is told, and nothing ends."""
    services, posts = FakeServices(), Posts()
    services.deaf = "no network link to listen on"
    task = asyncio.create_task(listen(services, posts))
    await posts.next(Listening)
    told = await posts.next(Listening)
    assert isinstance(told, Listening)
    assert told.fault == services.deaf
    task.cancel()


async def test_listen_posts_sightings() -> None:
    """What mDNS says is passed on, later announcements too."""
    node = FakeNode(name=NODE, address="10.0.0.11")
    services, posts = FakeServices(node), Posts()
    task = asyncio.create_task(listen(services, posts))
    await posts.next(Heard)
    services.announce(node, in_sight=False)
    heard = await posts.next(Heard)
    assert isinstance(heard, Heard)
    assert not heard.sighting.in_sight
    task.cancel()


async def test_log_comes_in_batches_and_clean() -> None:
    """Lines that are there already arrive together, without control characters."""
    node = FakeNode(name=NODE, address="10.0.0.11", logs={"machined": ["one", "\x1b[31mtwo"]})
    posts = Posts()
    task = asyncio.create_task(follow(FakeServices(node), node.target(), "machined", posts))
    await posts.next(LogStarted)
    lines = await posts.next(LogLines)
    assert isinstance(lines, LogLines)
    assert lines.lines == ("one", "[31mtwo")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_batches_lose_nothing_and_pass_the_error_on() -> None:
    """Every line arrives, in order, before the error that ended them."""

    async def lines() -> AsyncGenerator[str, None]:
        for number in range(5000):
            yield str(number)
        raise NodeError("gone")

    found: list[str] = []

    async def gather() -> None:
        async with aclosing(lines()) as source, aclosing(batches(source, 0)) as groups:
            async for group in groups:
                found.extend(group)

    with pytest.raises(NodeError, match="gone"):
        await gather()
    assert found == [str(number) for number in range(5000)]


async def test_batches_can_be_left_at_any_time() -> None:
    """Leaving early ends the reader, so that its source can be closed."""

    async def lines() -> AsyncGenerator[str, None]:
        yield "first"
        await asyncio.Event().wait()

    async with asyncio.timeout(60):
        async with aclosing(lines()) as source, aclosing(batches(source, 0)) as groups:
            assert await anext(groups) == ("first",)
