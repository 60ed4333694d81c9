# SPDX-License-Identifier: Apache-2.0
"""Waiting for nodes that were asked to restart or to go off.

A node is back when it tells another boot identity than before, so that an answer which it gave
just before it went down is not mistaken for its return.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import monotonic

from edge.client.channel import is_listening
from edge.client.client import NodeClient
from edge.errors import EdgeError, NodeError

POLL_S = 0.5
_ATTEMPT_S = 10.0

Opener = Callable[[], AbstractAsyncContextManager[NodeClient]]


async def read_boot_id(client: NodeClient) -> str:
    """Return the identity of the node's present boot."""
    document = await client.resource("BootIDs.runtime.talos.dev", "runtime", "boot-id")
    return str(document.spec["bootID"])


async def wait_restarted(
    node: str, before: str, openers: tuple[Opener, ...], *, deadline_s: float
) -> float:
    """Wait until the node runs another boot than `before`; return the seconds it took.

    `openers` are the ways to reach it that are tried in turn.

    Raises:
        NodeError: when it is not back within `deadline_s`; the message says what it did last.
    """
    started = monotonic()
    trouble = "it still runs its old boot"
    while (passed := monotonic() - started) < deadline_s:
        for opener in openers:
            try:
                if await _attempt(opener) != before:
                    return monotonic() - started
                trouble = "it still runs its old boot"
                break
            except EdgeError as error:
                trouble = error.message
            except TimeoutError:
                trouble = "it does not answer"
        await asyncio.sleep(min(POLL_S, deadline_s - passed))
    raise NodeError(
        f"{node} is not back after {deadline_s:.0f} s: {trouble}",
        hint="look at its console: edgectl console DEVICE",
    )


@dataclass(frozen=True, slots=True)
class Through:
    """Another node that a node is reached through, as this machine may have no way to it."""

    endpoint: str
    opener: Opener


async def wait_gone(node: str, through: Through | None = None, *, deadline_s: float) -> float:
    """Wait until nobody answers at the node's address; return the seconds it took.

    Raises:
        NodeError: when it still answers after `deadline_s`, or the node that it is reached
            through is gone as well.
    """
    started = monotonic()
    while (passed := monotonic() - started) < deadline_s:
        if not await (_answers_through(node, through) if through else is_listening(node)):
            return passed
        # Often, because a node that restarts at once is gone for a moment only.
        await asyncio.sleep(POLL_S / 5)
    raise NodeError(f"{node} still answers after {deadline_s:.0f} s")


async def _attempt(opener: Opener) -> str:
    async with asyncio.timeout(_ATTEMPT_S), opener() as client:
        return await read_boot_id(client)


async def _answers_through(node: str, through: Through) -> bool:
    try:
        await _attempt(through.opener)
    except (NodeError, TimeoutError) as error:
        if await is_listening(through.endpoint):
            return False
        raise NodeError(
            f"whether {node} is gone cannot be told: {through.endpoint} does not answer either",
            hint="look at its console: edgectl console DEVICE",
        ) from error
    return True
