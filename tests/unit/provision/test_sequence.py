# SPDX-License-Identifier: Apache-2.0
"""Sequences are followed from before they are asked for until the node hangs up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from edge.client.client import NodeClient
from edge.client.model import Document, Happening
from edge.errors import NodeError
from edge.provision.sequence import run_sequence, wait_settled

MINE, OTHERS = "actor-1", "actor-2"


def event(kind: str, actor: str = MINE, **fields: Any) -> Happening:
    """Return an event with fields as clients see them: what is nought is left out."""
    return Happening(id="x", type=f"{kind}Event", actor=actor, fields=fields)


PHASES = [
    event("Sequence", sequence="reboot"),
    event("Phase", phase="stop"),
    event("Phase", OTHERS, phase="other"),
    event("Task", task="stopAll"),
    event("Task", task="stopAll", action="STOP"),
    event("Phase", phase="stop", action="STOP"),
]


class Node:
    """A node that tells `events` once it was asked, and hangs up."""

    def __init__(self, events: list[Happening], *, talks: bool = True) -> None:
        self.asked = asyncio.Event()
        self.heard_first = False
        self._events = events
        self._talks = talks

    async def events(self, *, on_ready: Callable[[], None]) -> AsyncIterator[Happening]:
        """Say that the subscription stands, then tell."""
        if not self._talks:
            raise NodeError("no events for the likes of you")
        on_ready()
        self.heard_first = not self.asked.is_set()
        await self.asked.wait()
        for each in self._events:
            yield each
        raise NodeError("connection lost")

    async def ask(self, _client: NodeClient) -> str:
        """Start the sequence."""
        self.asked.set()
        return MINE


async def told(node: Node, *, every_task: bool = False) -> list[str]:
    """Return what is told of a sequence."""
    said: list[str] = []
    client = cast("NodeClient", node)
    actor = await run_sequence(client, node.ask, said.append, deadline_s=60, every_task=every_task)
    assert actor == MINE
    return said


async def test_phases_of_ones_own_sequence_are_told() -> None:
    """Not those of others, and tasks only when wanted; nothing is missed."""
    node = Node(PHASES)
    assert await told(node) == ["phase stop"]
    assert node.heard_first
    assert await told(Node(PHASES), every_task=True) == ["phase stop", "task stopAll"]


async def test_who_hears_no_events_asks_all_the_same() -> None:
    """Events are a comfort."""
    assert await told(Node(PHASES, talks=False)) == []


async def test_a_failed_sequence_is_an_error() -> None:
    """With what the node says about it."""
    node = Node([event("Sequence", sequence="reset", action="STOP", error={"message": "busy"})])
    with pytest.raises(NodeError, match="reset failed: busy"):
        await told(node)


async def test_ready_comes_after_back() -> None:
    """A node that boots or misses something is waited for; a stage of rest ends it."""
    unmet = {"unmetConditions": [{"name": "network", "reason": "none"}]}
    states: list[dict[str, Any]] = [
        {"stage": "booting"},
        {"stage": "running", "status": unmet},
        {"stage": "running", "status": {"ready": True}},
    ]

    class Waking:
        async def resource(self, type_: str, _namespace: str, _id: str) -> Document:
            spec = states.pop(0) if len(states) > 1 else states[0]
            return Document(metadata={"id": "machine", "type": type_}, spec=spec)

    @asynccontextmanager
    async def opener() -> AsyncIterator[NodeClient]:
        yield cast("NodeClient", Waking())

    assert await wait_settled("n", (opener,), deadline_s=60) == "running"
    states[:] = [{"stage": "running", "status": unmet}]
    with pytest.raises(NodeError, match="not ready after 1 s: network: none"):
        await wait_settled("n", (opener,), deadline_s=1)
