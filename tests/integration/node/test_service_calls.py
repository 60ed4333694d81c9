# SPDX-License-Identifier: Apache-2.0
"""Operators stop and start what may be stopped, on a real node."""

import pytest

from edge.client.client import NodeClient
from edge.errors import EdgeError
from tests.integration.node.conftest import Bench


async def _state(client: NodeClient, service: str) -> str:
    return next(each.state for each in await client.services() if each.id == service)


async def test_the_announcer_stops_and_starts(bench: Bench) -> None:
    """Its state follows, and the answers name what was done."""
    node = bench.start("one")
    await bench.apply(node, bench.generate(node).controlplane)
    async with bench.administrator(node) as client:
        await client.stop_service("mdns")
        assert await _state(client, "mdns") == "Finished"
        await client.start_service("mdns")
        assert await _state(client, "mdns") == "Running"
        await client.restart_service("mdns")
        assert await _state(client, "mdns") == "Running"
        with pytest.raises(EdgeError, match="doesn't support stop"):
            await client.stop_service("machined")
        with pytest.raises(EdgeError, match=r"known: .*apid"):
            await client.restart_service("nothing")
