# SPDX-License-Identifier: Apache-2.0
"""Ask a node for a sequence (restart, reset, …) and tell what it does until it goes down.

The events are subscribed to before the node is asked, so that nothing is missed. A lost
connection is progress: it is what the sequence is for.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from time import monotonic

from edge.client.client import NodeClient
from edge.client.model import Happening
from edge.errors import EdgeError, NodeError
from edge.provision.restart import Opener

SUBSCRIBE_S = 5.0
POLL_S = 0.5
_ATTEMPT_S = 10.0
_SETTLED = ("running", "maintenance")

Ask = Callable[[NodeClient], Awaitable[str]]
Tell = Callable[[str], None]


async def run_sequence(
    client: NodeClient, ask: Ask, tell: Tell, *, deadline_s: float, every_task: bool = False
) -> str:
    """Ask for a sequence and tell its phases until the node hangs up; return the actor.

    Raises:
        NodeError: when the node says that the sequence failed.
    """
    ready = asyncio.Event()
    queue: asyncio.Queue[Happening | None] = asyncio.Queue()
    listening = asyncio.create_task(_collect(client, queue, ready))
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBE_S):
                await ready.wait()
        actor = await ask(client)
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await _tell(queue, actor, tell, every_task=every_task)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return actor


async def wait_settled(node: str, openers: tuple[Opener, ...], *, deadline_s: float) -> str:
    """Wait until the node runs and is ready, or waits for a configuration; return the stage.

    Raises:
        NodeError: when it is not so far within `deadline_s`.
    """
    deadline, state = monotonic() + deadline_s, "it does not answer"
    while monotonic() < deadline:
        for opener in openers:
            try:
                async with asyncio.timeout(_ATTEMPT_S), opener() as client:
                    stage, state = await _stage(client)
                if not state:
                    return stage
                break
            except (EdgeError, TimeoutError) as error:
                state = str(error) or "it does not answer"
        await asyncio.sleep(POLL_S)
    raise NodeError(f"{node} is back, but not ready after {deadline_s:.0f} s: {state}")


async def _collect(
    client: NodeClient, queue: asyncio.Queue[Happening | None], ready: asyncio.Event
) -> None:
    try:
        async with aclosing(_events(client, ready)) as events:
            async for event in events:
                queue.put_nowait(event)
    except EdgeError:
        # The node went away, or tells no events to the likes of us.
        pass
    finally:
        ready.set()
        queue.put_nowait(None)


async def _events(client: NodeClient, ready: asyncio.Event) -> AsyncGenerator[Happening]:
    async for event in client.events(on_ready=ready.set):
        yield event


async def _tell(
    queue: asyncio.Queue[Happening | None], actor: str, tell: Tell, *, every_task: bool
) -> None:
    while event := await queue.get():
        if event.actor != actor:
            continue
        begins = event.fields.get("action", "START") == "START"
        if event.type == "SequenceEvent":
            if error := event.fields.get("error"):
                raise NodeError(f"{event.fields.get('sequence')} failed: {error.get('message')}")
        elif event.type == "PhaseEvent" and begins:
            tell(f"phase {event.fields.get('phase')}")
        elif event.type == "TaskEvent" and begins and every_task:
            tell(f"task {event.fields.get('task')}")


async def _stage(client: NodeClient) -> tuple[str, str]:
    """Return the stage, and why the node is not ready yet."""
    spec = (await client.resource("MachineStatuses.runtime.talos.dev", "runtime", "machine")).spec
    stage, status = str(spec["stage"]), spec.get("status") or {}
    if stage not in _SETTLED:
        return stage, f"it is {stage}"
    unmet = status.get("unmetConditions") or () if stage == "running" else ()
    return stage, ", ".join(f"{each['name']}: {each['reason']}" for each in unmet)
