# SPDX-License-Identifier: Apache-2.0
"""Checks of a cluster: told when something changes, passed one after the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from edge.client.client import NodeClient
from edge.client.health import check_cluster
from edge.errors import NodeError
from tests.fakes.node_client import DIAGNOSTICS, MEMBERS, STATUS, TIME, FakeClient, service


async def lines_of(*clients: FakeClient, wait_s: float = 0.0) -> list[str]:
    """Return what the checks of these nodes say, the error last if there is one."""
    said: list[str] = []
    try:
        openers = {each.node: each.open for each in clients}
        async for line in check_cluster(openers, wait_s=wait_s, poll_s=0.01):
            said.append(line)
    except NodeError as error:
        said.append(f"error: {error.message}")
    return said


def member(name: str, address: str) -> dict[str, Any]:
    """Return a member as discovery knows it."""
    return {"hostname": name, "addresses": [address]}


async def test_a_cluster_that_is_well() -> None:
    """Every check says OK, and what does not apply is skipped."""
    both = [member("a", "10.0.0.1"), member("b", "10.0.0.2")]
    found = await lines_of(
        FakeClient("10.0.0.1", specs={MEMBERS: both}), FakeClient("b", specs={MEMBERS: both})
    )
    assert found[0] == "discovered nodes: [10.0.0.1 b]"
    assert all(line.endswith(": OK") for line in found[1:])
    assert (await lines_of(FakeClient("alone")))[5].endswith("SKIP")


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (FakeClient("n", dead="refused"), "n: cannot be reached: refused"),
        (FakeClient("n", specs={STATUS: [{"stage": "booting"}]}), "n: is booting"),
        (
            FakeClient(
                "n",
                specs={
                    STATUS: [
                        {
                            "stage": "running",
                            "status": {"unmetConditions": [{"name": "network", "reason": "none"}]},
                        }
                    ]
                },
            ),
            "n: network: none",
        ),
        (FakeClient("n", specs={TIME: [{"synced": False}]}), "n: no time server has confirmed"),
        (
            FakeClient("n", running=[service("a", healthy=False), service("b", "Waiting")]),
            "n: a is Running, b is Waiting",
        ),
        (
            FakeClient("n", specs={MEMBERS: [member("a", "10.0.0.1"), member("b", "10.0.0.2")]}),
            "n: has not discovered n",
        ),
        (FakeClient("n", specs={DIAGNOSTICS: [{"message": "no room"}]}), "n: no room"),
    ],
)
async def test_what_is_wrong_is_told(client: FakeClient, said: str) -> None:
    """The reason names the node, once as progress and once in the error."""
    *_, progress, error = await lines_of(client)
    assert said in progress
    assert said in error
    assert error.startswith("error: ")


async def test_it_waits_and_tells_changes_alone() -> None:
    """A node that comes up in the meantime passes; the same reason is not told twice."""
    client = FakeClient("n", dead="refused", dead_calls=4)
    said = await lines_of(client, wait_s=20)
    assert said[1] == "waiting for all nodes to be reachable: n: cannot be reached: refused"
    assert said[2] == "waiting for all nodes to be reachable: OK"
    assert client.calls > 4


async def test_so_many_nodes_are_asked_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait for their turn, and time does not run for them meanwhile."""
    monkeypatch.setattr("edge.client.health.MOST_AT_ONCE", 3)
    open_now = most = 0

    @asynccontextmanager
    async def opened(client: FakeClient) -> AsyncIterator[NodeClient]:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0)
        try:
            async with client.open() as made:
                yield made
        finally:
            open_now -= 1

    clients = [FakeClient(f"n{number}") for number in range(20)]
    openers = {each.node: partial(opened, each) for each in clients}
    said = [line async for line in check_cluster(openers, wait_s=0)]
    assert said[1].endswith("OK")
    assert most == 3
