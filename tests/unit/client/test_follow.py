# SPDX-License-Identifier: Apache-2.0
"""Following past gaps: nothing is told twice, and nothing that happened in between is left out."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from edge.client import follow
from edge.client.client import NodeClient
from edge.client.fault import GoneError, StrangerError, UnreachableError
from edge.client.follow import follow_events, follow_resources
from edge.client.model import Document, Happening, Watched
from edge.errors import NodeError, TrustError

Script = list[list[object]]


class Scripted:
    """A node that says in every stream what was written for it; an error ends one."""

    node = "n"

    def __init__(self, *streams: list[object]) -> None:
        self.streams = list(streams)
        self.asked: list[dict[str, Any]] = []

    async def events(self, tail: int = 0, **given: Any) -> AsyncIterator[Happening]:
        self.asked.append({"tail": tail, **{k: v for k, v in given.items() if v}})
        async for each in self._play():
            yield Happening(id=each, type="t", actor="")

    async def watch(self, *_args: Any) -> AsyncIterator[Watched]:
        async for each in self._play():
            yield each

    async def _play(self) -> AsyncIterator[Any]:
        for each in self.streams.pop(0):
            if isinstance(each, Exception):
                raise each
            yield each


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_FIRST_PAUSE_S", 0.0)


def scripted(*streams: list[object]) -> tuple[Scripted, NodeClient]:
    """Return the same node twice: to look at, and to give away."""
    node = Scripted(*streams)
    return node, cast("NodeClient", node)


GONE, AWAY = GoneError("n went away"), UnreachableError("n cannot be reached")


async def test_events_go_on_after_the_last_one() -> None:
    """One gap is told once, however many attempts it takes."""
    node, client = scripted(["1", "2", GONE], [AWAY], [AWAY], ["3"])
    gaps: list[str] = []
    found = follow_events(client, -1, on_gap=lambda error: gaps.append(error.message))
    assert [event.id async for event in found] == ["1", "2", "3"]
    assert gaps == ["n went away"]
    assert node.asked == [{"tail": -1}, *[{"tail": 0, "since_id": "2"}] * 3]


async def test_events_of_a_gap_that_nothing_came_before() -> None:
    """Without an identity to begin after, time says where."""
    node, client = scripted([GONE], ["1"])
    found = follow_events(client, on_gap=lambda _error: None)
    assert [event.id async for event in found] == ["1"]
    assert node.asked[1]["since_s"] >= 1


async def test_node_that_was_never_there_is_no_gap() -> None:
    """Nobody waits for a node that was not reached at all."""
    _, client = scripted([AWAY])
    with pytest.raises(UnreachableError):
        [each async for each in follow_events(client, on_gap=lambda _error: None)]


async def test_patience_ends_and_refusals_are_final() -> None:
    """A node that stays away is given up; one that refuses us at once."""
    _, client = scripted(["1", GONE], [AWAY], [AWAY])
    with pytest.raises(NodeError, match="n went away and was not back"):
        [e async for e in follow_events(client, on_gap=lambda _e: None, patience_s=-1)]
    _, client = scripted(["1", GONE], [TrustError("no")])
    with pytest.raises(TrustError):
        [e async for e in follow_events(client, on_gap=lambda _e: None)]


async def test_a_worker_that_boots_is_no_stranger_yet() -> None:
    """After a gap it has no certificate of its cluster at first; who never had one is refused."""
    stranger = StrangerError("n cannot be trusted")
    _, client = scripted(["1", GONE], [AWAY], [stranger], [stranger], ["2"])
    found = follow_events(client, on_gap=lambda _error: None)
    assert [event.id async for event in found] == ["1", "2"]
    _, client = scripted([stranger])
    with pytest.raises(StrangerError):
        [e async for e in follow_events(client, on_gap=lambda _e: None)]
    _, client = scripted(["1", GONE], [stranger])
    with pytest.raises(TrustError):
        [e async for e in follow_events(client, on_gap=lambda _e: None, patience_s=0)]


def document(name: str, version: int = 1) -> Document:
    """Return a resource."""
    return Document(metadata={"id": name, "version": version}, spec={})


def created(name: str, version: int = 1) -> Watched:
    """Return how a watch tells of one that there is."""
    return Watched(event="created", document=document(name, version))


DONE = Watched(event="bootstrapped", document=document(""))


async def test_resources_are_compared_across_a_gap() -> None:
    """What stayed is not told again; what changed, came and went is."""
    _, client = scripted(
        [created("a"), created("b"), created("c"), DONE, GONE],
        [created("a"), created("b", 2), created("d"), DONE, created("e")],
    )
    found = [
        (change.event, change.document.id)
        async for change in follow_resources(client, "T", "ns", on_gap=lambda _error: None)
    ]
    assert found[:4] == [(each.event, each.document.id) for each in (*map(created, "abc"), DONE)]
    assert found[4:] == [("updated", "b"), ("created", "d"), ("destroyed", "c"), ("created", "e")]


async def test_one_resource_is_compared_across_a_gap() -> None:
    """Its present state comes without a mark that this was all."""
    gone = Watched(event="destroyed", document=document("a", 2))
    _, client = scripted([created("a"), GONE], [created("a"), GONE], [gone])
    found = [
        change.event
        async for change in follow_resources(client, "T", "ns", "a", on_gap=lambda _error: None)
    ]
    assert found == ["created", "destroyed"]
