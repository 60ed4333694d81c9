# SPDX-License-Identifier: Apache-2.0
"""When a node counts as gone, seen directly or through another node."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from edge.client.client import NodeClient
from edge.client.fault import UnreachableError
from edge.client.model import Document
from edge.errors import NodeError
from edge.provision.restart import Through, wait_gone

FAR = "192.0.2.7"
"""An address that this machine has no way to."""


class Booted:
    """A node that tells its boot identity."""

    async def resource(self, *_kind: str) -> Document:
        """Answer."""
        return Document(metadata={"id": "boot-id"}, spec={"bootID": "b"})


def reached(answers: list[bool]) -> Callable[[], AbstractAsyncContextManager[NodeClient]]:
    """Return a way to a node that is there as often as `answers` say, and then no more."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        if not answers:
            raise UnreachableError(f"{FAR} cannot be reached: connection refused")
        answers.pop()
        yield Booted()

    return opened


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    """Give the address of a node that answers."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


async def test_node_behind_another_is_gone_when_that_one_says_so(endpoint: str) -> None:
    """That this machine cannot reach it itself says nothing."""
    answers = [True, True]
    await wait_gone(FAR, Through(endpoint, reached(answers)), deadline_s=60)
    assert answers == []


async def test_node_behind_one_that_is_gone_may_be_there() -> None:
    """Nobody can tell then."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(NodeError, match="cannot be told"):
        await wait_gone(FAR, Through(f"127.0.0.1:{port}", reached([])), deadline_s=5)


async def test_node_that_stays_is_an_error(endpoint: str) -> None:
    """Seen either way."""
    for through in (None, Through(endpoint, reached([True] * 100))):
        with pytest.raises(NodeError, match="still answers"):
            await wait_gone(endpoint, through, deadline_s=0.3)
