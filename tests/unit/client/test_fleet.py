# SPDX-License-Identifier: Apache-2.0
"""Many nodes at once: who answers, who does not, and how many at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from edge.client.client import NodeClient, connect
from edge.client.fleet import Fleet
from edge.errors import NodeError, TrustError
from tests.fakes.tls_node import Authority, TlsNode, tls_node


class Door:
    """Opens clients that are only names, and counts."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []

    @asynccontextmanager
    async def open(self, node: str) -> AsyncIterator[NodeClient]:
        if node == "dead":
            raise NodeError("dead cannot be reached")
        self.opened.append(node)
        yield cast("NodeClient", node)
        self.closed.append(node)


async def answer(client: NodeClient) -> str:
    """Answer, refuse, or be silent, as the node's name says."""
    if client == "strict":  # type: ignore[comparison-overlap]
        raise TrustError("no")
    if client == "silent":  # type: ignore[comparison-overlap]
        await asyncio.Event().wait()
    return str(client).upper()


async def test_every_node_has_its_own_end() -> None:
    """Answers and errors come in the order of the nodes; none waits for the silent one."""
    door = Door()
    async with Fleet(["dead", "a", "silent", "strict", "a"], door.open) as fleet:
        outcomes = await fleet.run(answer, deadline_s=0.4)
    assert [(each.node, each.value, str(each.error or "")) for each in outcomes] == [
        ("dead", None, "dead cannot be reached"),
        ("a", "A", ""),
        ("silent", None, "silent did not answer within 0 s"),
        ("strict", None, "no"),
    ]
    assert outcomes[1].result() == "A"
    with pytest.raises(TrustError):
        outcomes[3].result()
    assert sorted(door.closed) == sorted(door.opened) == ["a", "silent", "strict"]


async def test_clients_are_kept_and_the_dead_tried_again() -> None:
    """The second call uses the connections of the first."""
    door = Door()
    async with Fleet(["a", "dead", "b"], door.open) as fleet:
        for _ in range(3):
            outcomes = await fleet.run(answer)
            assert [each.value for each in outcomes] == ["A", None, "B"]
    assert sorted(door.opened) == ["a", "b"]


async def test_what_is_not_kept_is_closed_at_once() -> None:
    """A thousand nodes never mean a thousand open connections."""
    door = Door()
    most = 0

    async def count(_client: NodeClient) -> None:
        nonlocal most
        most = max(most, len(door.opened) - len(door.closed))
        await asyncio.sleep(0)

    nodes = [f"n{number}" for number in range(500)]
    async with Fleet(nodes, door.open, parallel=9, keep=False) as fleet:
        assert all(each.error is None for each in await fleet.run(count))
        assert len(door.closed) == 500
        assert all(each.error is None for each in await fleet.run(count, deadline_s=None))
    assert most >= 9
    assert len(door.closed) == len(door.opened) == 1000


async def test_no_more_than_so_many_at_once() -> None:
    """A thousand nodes do not mean a thousand calls in flight."""
    now, most = 0, 0

    async def count(_client: NodeClient) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    async with Fleet([f"n{i}" for i in range(1000)], Door().open, parallel=7) as fleet:
        assert all(each.error is None for each in await fleet.run(count))
    assert most == 7


async def test_followers_do_not_wait_for_a_turn() -> None:
    """What has no end of its own is begun on all nodes at once."""
    met = asyncio.Barrier(5)

    async def meet(_client: NodeClient) -> None:
        await met.wait()

    async with asyncio.timeout(60), Fleet(list("abcde"), Door().open, parallel=1) as fleet:
        assert all(each.error is None for each in await fleet.run(meet, deadline_s=None))


async def test_whoever_stops_listening_stops_the_work() -> None:
    """Leaving the stream ends the calls that are still under way."""
    tasks = len(asyncio.all_tasks())
    async with Fleet(["a", "silent"], Door().open) as fleet:
        outcomes = fleet.stream(answer)
        assert (await anext(outcomes)).value == "A"
        await outcomes.aclose()  # type: ignore[attr-defined]
    assert len(asyncio.all_tasks()) == tasks


async def test_real_nodes_answer_over_one_connection_each(tmp_path: Path) -> None:
    """A node that restarts between two calls answers the second one."""
    authority = Authority()
    async with AsyncExitStack() as stack:
        nodes: list[TlsNode] = []
        for number in range(3):
            (tmp_path / str(number)).mkdir()
            shown = authority.server("p256" if number else "ed25519")
            running = tls_node(tmp_path / str(number), shown, authority.pair.certificate)
            nodes.append(await stack.enter_async_context(running))
        trust = authority.client("p256")
        fleet = await stack.enter_async_context(
            Fleet([node.endpoint for node in nodes], lambda node: connect(node, trust))
        )
        for _ in range(2):
            outcomes = await fleet.run(NodeClient.version)
            assert [each.result().tag for each in outcomes] == ["v1.13.0"] * 3
        # The one with the Ed25519 key was tried by grpc first.
        assert [node.connections for node in nodes] == [1, 1, 1]
        nodes[0].drop()
        nodes[1].drop()
        await asyncio.sleep(0.1)
        assert all(each.error is None for each in await fleet.run(NodeClient.version))
