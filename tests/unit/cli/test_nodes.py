# SPDX-License-Identifier: Apache-2.0
"""The same work on many nodes: nobody waits for anybody, and every failure is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click
import pytest

from edge.cli import nodes
from edge.cli.nodes import on_nodes
from edge.client import channel
from edge.client.trust import Mutual
from edge.errors import ConfigError, NodeError, TrustError


async def answer(node: str) -> str:
    """Answer, refuse, or be silent, as the node's name says."""
    if node == "silent":
        await asyncio.Event().wait()
    if node == "dead":
        raise NodeError("dead cannot be reached", hint="is it on?")
    if node == "strict":
        raise TrustError("not authorized")
    return node.upper()


def test_answers_come_in_the_order_of_the_nodes() -> None:
    """Rows stand in the order in which the user named the nodes."""
    results = on_nodes(["b", "a"], answer)
    assert results.found == [("b", "B"), ("a", "A")]
    results.finish()


def test_no_table_where_no_node_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """Headings over nothing say nothing; a program that reads JSON gets its empty list."""
    results = on_nodes(["dead", "strict"], answer)
    results.emit([], columns=("node",), output="table")
    assert capsys.readouterr().out == ""
    results.emit([], columns=("node",), output="json")
    assert capsys.readouterr().out == "[]\n"
    some = on_nodes(["dead", "a"], answer)
    some.emit([], columns=("node",), output="table")
    assert capsys.readouterr().out == "NODE\n"


def test_dead_and_silent_nodes_do_not_stop_others(capsys: pytest.CaptureFixture[str]) -> None:
    """Each failure is one line that names its node; the hints come once, at the end."""
    results = on_nodes(["dead", "a", "silent", "dead"], answer, deadline_s=0.4)
    assert results.found == [("a", "A")]
    with pytest.raises(click.exceptions.Exit) as ended:
        results.finish()
    assert ended.value.exit_code == 9
    assert capsys.readouterr().err.splitlines() == [
        "edgectl: dead cannot be reached",
        "edgectl: dead cannot be reached",
        "edgectl: silent did not answer within 0 s",
        "  hint: is it on?",
    ]


def test_different_failures_have_the_general_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Failures that differ in kind end with code 1; a message without the node gets it."""
    results = on_nodes(["dead", "strict"], answer)
    with pytest.raises(click.exceptions.Exit) as ended:
        results.finish()
    assert ended.value.exit_code == 1
    assert "edgectl: strict: not authorized" in capsys.readouterr().err


def test_single_node_fails_with_its_own_error() -> None:
    """With one node the error itself goes up, with its hint and faults."""

    async def refuse(_node: str) -> None:
        raise ConfigError("a has 1 fault", faults=("x: unknown key",))

    with pytest.raises(ConfigError) as raised:
        on_nodes(["a"], refuse)
    assert raised.value.faults == ("x: unknown key",)


async def test_endpoint_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All nodes go through the first endpoint that answers, which is found out together."""
    asked: list[str] = []

    async def answers(endpoint: str) -> bool:
        asked.append(endpoint)
        await asyncio.sleep(0.01)
        return endpoint == "e2"

    monkeypatch.setattr(channel, "is_listening", answers)
    access = nodes.Access(nodes=("n1", "n2", "e1"), endpoints=("e1", "e2", "e3"))
    ways = await asyncio.gather(*(access.endpoint_of(node) for node in access.nodes))
    assert ways == ["e2", "e2", ""]
    assert asked == ["e1", "e2"]


async def test_no_endpoint_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that were tried are named."""

    async def answers(_endpoint: str) -> bool:
        return False

    monkeypatch.setattr(channel, "is_listening", answers)
    access = nodes.Access(nodes=("n",), endpoints=("e1", "e2"))
    with pytest.raises(NodeError, match="none of the endpoints answers: e1, e2"):
        await access.endpoint_of("n")


async def test_endpoints_that_come_back_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a node asks again and again, and none of them may answer at first."""
    up: set[str] = set()

    async def answers(endpoint: str) -> bool:
        return endpoint in up

    monkeypatch.setattr(channel, "is_listening", answers)
    access = nodes.Access(nodes=("n",), endpoints=("e1", "e2"))
    with pytest.raises(NodeError):
        await access.endpoint_of("n")
    up.add("e2")
    assert await access.endpoint_of("n") == "e2"


async def test_another_endpoint_is_found_when_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a call through it has failed."""
    up, tried = {"e1", "e2"}, []

    async def answers(endpoint: str) -> bool:
        return endpoint in up

    @asynccontextmanager
    async def connect(
        _name: str, _trust: Mutual, *, endpoint: str, address: str
    ) -> AsyncIterator[None]:
        tried.append((address, endpoint))
        if endpoint not in up:
            raise NodeError(f"{endpoint} cannot be reached")
        yield

    monkeypatch.setattr(channel, "is_listening", answers)
    monkeypatch.setattr("edge.client.client.connect", connect)
    trust = Mutual(ca=b"", crt=b"", key=b"")
    access = nodes.Access(nodes=("n",), endpoints=("e1", "e2"), trust=trust)
    async with access.open("n"):
        up.remove("e1")
    with pytest.raises(NodeError):
        async with access.open("n"):
            pass
    async with access.open("n"):
        pass
    assert tried == [("n", "e1"), ("n", "e1"), ("n", "e2")]
