# SPDX-License-Identifier: Apache-2.0
"""The end of machined: nothing that hangs or fails keeps the machine from ending."""

import asyncio
import resource

from edge.node.log import LogBook
from edge.node.machined import OPEN_FILES, _allow_open_files, _attempt, _cancel


async def test_a_lost_cancellation_is_repeated() -> None:
    """Libraries swallow one now and then, and go on."""

    async def go_on() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    tasks = [asyncio.create_task(go_on()) for _ in range(3)]
    await asyncio.sleep(0)
    await _cancel(tasks)
    assert all(task.done() for task in tasks)


async def test_what_fails_or_hangs_on_the_way_is_only_logged(logs: LogBook) -> None:
    """A node that was told to restart restarts."""

    async def fail() -> None:
        raise RuntimeError("no")

    async def hang() -> None:
        await asyncio.sleep(60)

    await _attempt(fail(), "closing one", 1.0)
    await _attempt(hang(), "closing two", 0.01)
    lines = logs.open("machined").tail()
    assert "closing one failed: RuntimeError at " in lines[0]
    assert "closing two failed: TimeoutError at " in lines[1]


def test_a_process_may_open_as_many_files_as_it_is_allowed() -> None:
    """Also where the upper limit is not its own to raise."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        _allow_open_files()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == min(hard, OPEN_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
