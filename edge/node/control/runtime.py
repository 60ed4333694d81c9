# SPDX-License-Identifier: Apache-2.0
"""Starts the controllers, those first by which the node is reached, and ends them all.

```
 first ones ──reachable, or waited long enough──► volumes, everything else is loaded ──► the others
```
Whoever calls before the others have published waits for them: an answer is never of half a node.
A configured node does not wait: whoever calls it expects all of it.
"""

import asyncio
import gc
from collections.abc import Awaitable, Collection, Coroutine, Iterable
from contextlib import suppress
from typing import Any

from edge.node.control.controller import Controller, run_controller
from edge.node.control.first import FIRST
from edge.node.log import logger
from edge.node.machine import Machine

REACHABLE_S = 8.0
"""How long the others wait for the node to be reachable: there may be no network at all."""
SETTLE_S = 10.0
CANCEL_ROUNDS, CANCEL_PAUSE_S = 10, 0.5
CLOSE_DEADLINE_S = 10.0
_log = logger("machined")


class Runtime:
    """The controllers of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._controllers: list[Controller] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the first controllers, and have the others follow."""
        self._machine.complete.clear()
        self._run(FIRST)
        following = asyncio.create_task(self._follow(), name="the other controllers")
        following.add_done_callback(self._judge)
        self._tasks.append(following)

    async def stop(self) -> None:
        """End every controller, the later ones first."""
        await _cancel(self._tasks)
        for controller in reversed(self._controllers):
            await attempt(controller.close(), f"closing {controller.name}", CLOSE_DEADLINE_S)

    def _run(self, kinds: Iterable[type[Controller]]) -> None:
        for each in [kind(self._machine) for kind in kinds]:
            self._controllers.append(each)
            self._tasks.append(asyncio.create_task(run_controller(each), name=each.name))

    def _judge(self, following: asyncio.Task[None]) -> None:
        """End machined when the others cannot be had, for PID 1 to start it again."""
        ended = self._machine.ended
        if not following.cancelled() and (error := following.exception()) and not ended.done():
            ended.set_exception(error)

    async def _follow(self) -> None:
        try:
            await self._load_and_run()
        finally:
            # What is loaded stays, so that no collection has to look at it.
            gc.freeze()
            gc.enable()

    async def _load_and_run(self) -> None:
        if self._machine.in_maintenance:
            await _passed(self._machine.reachable.wait(), REACHABLE_S)
        opening = attempt(self._machine.open_rest(), "opening volumes", None)
        await asyncio.gather(opening, asyncio.to_thread(_load_rest))
        from edge.node.control.catalogue import PARTS, REST

        for part in PARTS:
            self._machine.store.join(part)
        self._run(REST)
        await self._settle()
        # Whoever signs from here on finds the library loaded.
        await self._machine.signer.end()

    async def _settle(self) -> None:
        """Let calls through once the controllers have said what they can say at once."""
        prompt = [each.has_run.wait() for each in self._controllers if not each.asks_others]
        await _passed(asyncio.gather(*prompt), SETTLE_S)
        self._machine.complete.set()


def _load_rest() -> None:
    import edge.node.api.gate
    import edge.node.apply
    import edge.node.control.catalogue  # noqa: F401


async def _passed(event: Awaitable[object], timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    # Once is not enough: what a task awaits may lose a cancellation that meets its result.
    for _ in range(CANCEL_ROUNDS):
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        _, tasks = await asyncio.wait(tasks, timeout=CANCEL_PAUSE_S)
    if tasks:
        names = ", ".join(task.get_name() for task in tasks)
        _log.warning("these do not stop: %s", names)


async def attempt(action: Coroutine[Any, Any, None], what: str, deadline_s: float | None) -> None:
    """Do something that may fail: a node that was told to restart does, whatever goes wrong."""
    try:
        async with asyncio.timeout(deadline_s):
            await action
    except Exception:
        _log.exception("%s failed", what)
