# SPDX-License-Identifier: Apache-2.0
"""How soon everybody who watches a resource knows of a change.

A value of META is written again and again. Every watcher notes when each version reaches it;
the version itself carries the moment of the change, by the clock that both ends share.
"""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from edge.api import machine_pb2, resource_pb2
from edge.client.client import NodeClient, connect
from edge.client.trust import Trust

KEY = 0x0C
KIND = "MetaKeys.runtime.talos.dev"
READY_DEADLINE_S = 60.0
UPDATE_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class WatchFigures:
    """For every update the time (ms) until the last of the watchers had it."""

    watchers: int
    last_ms: tuple[float, ...]
    first_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Return the time until everybody knew of half of the updates."""
        return statistics.median(self.last_ms)

    @property
    def worst_ms(self) -> float:
        """Return the time until everybody knew of any of the updates."""
        return max(self.last_ms)


async def measure_watch(
    node: str, trust: Trust, *, watchers: int = 200, updates: int = 20, connections: int = 20
) -> WatchFigures:
    """Watch one resource `watchers` times over `connections` connections while it changes."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(node, trust)) for _ in range(connections)
        ]
        seen: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        tasks = [
            asyncio.create_task(_watch(clients[number % connections], seen))
            for number in range(watchers)
        ]
        try:
            await _receive(seen, watchers, READY_DEADLINE_S)
            found = [
                await _update(clients[0], seen, watchers, f"{time.time_ns()} {number}")
                for number in range(updates)
            ]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return WatchFigures(watchers, tuple(max(each) for each in found), tuple(map(min, found)))


async def _watch(client: NodeClient, seen: "asyncio.Queue[tuple[str, float]]") -> None:
    request = resource_pb2.WatchRequest(
        namespace="runtime", type=KIND, id=f"0x{KEY:02x}", api_version=1
    )
    async for answer in client._stream(client._state.Watch, request, timeout_s=None):
        now = time.time()
        for event in answer.event:
            seen.put_nowait((event.resource.metadata.version, now - _moment(event)))


def _moment(event: Any) -> float:
    stamp = event.resource.metadata.updated
    return float(stamp.seconds + stamp.nanos / 1e9)


async def _update(
    client: NodeClient, seen: "asyncio.Queue[tuple[str, float]]", watchers: int, value: str
) -> list[float]:
    request = machine_pb2.MetaWriteRequest(key=KEY, value=value.encode())
    await client._call(client._machine.MetaWrite, request)
    return await _receive(seen, watchers, UPDATE_DEADLINE_S)


async def _receive(
    seen: "asyncio.Queue[tuple[str, float]]", count: int, deadline_s: float
) -> list[float]:
    async with asyncio.timeout(deadline_s):
        return [(await seen.get())[1] * 1000 for _ in range(count)]
