# SPDX-License-Identifier: Apache-2.0
"""The controllers' life: which run when, and that nothing keeps a machine from ending."""

import asyncio
from collections.abc import Callable

import pytest

from edge.node.configuration import Configuration
from edge.node.control.first import FIRST
from edge.node.control.runtime import Runtime, _cancel, attempt
from edge.node.log import LogBook
from edge.node.machine import Machine
from edge.node.resource import kind
from tests.fakes.node import FakePlatform

PATIENCE_S = 60.0


def _running() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


async def _until(name: str) -> None:
    """Wait until a controller of this name runs."""
    async with asyncio.timeout(PATIENCE_S):
        while name not in _running():  # noqa: ASYNC110 - a task's beginning is no event
            await asyncio.sleep(0)


async def test_what_makes_a_node_reachable_runs_first(
    new_machine: Callable[[], Machine], platform: FakePlatform
) -> None:
    """In maintenance the others wait for somebody to be able to call."""
    platform.listen = "127.44.0.3"
    machine = new_machine()
    await machine.boot()
    runtime = Runtime(machine)
    try:
        runtime.start()
        first = {each.name for each in FIRST}
        assert first <= _running()
        assert "runtime.MachineStatusController" not in _running()
        assert not machine.complete.is_set()
        machine.reachable.set()
        await _until("runtime.MachineStatusController")
        async with asyncio.timeout(PATIENCE_S):
            await machine.complete.wait()
        # Whoever called meanwhile gets what these have found, and not that there is nothing.
        assert machine.store.of_kind(kind.DISK)
    finally:
        await runtime.stop()
    assert not first & _running()


async def test_a_configured_node_runs_everything_at_once(
    new_machine: Callable[[], Machine], platform: FakePlatform, configuration: Configuration
) -> None:
    """Whoever calls it expects all of it, and nothing has to be reachable for that."""
    platform.listen = "127.44.0.3"
    machine = new_machine()
    await machine.boot()
    machine.activate(configuration)
    runtime = Runtime(machine)
    try:
        runtime.start()
        await _until("runtime.MachineStatusController")
    finally:
        await runtime.stop()


async def test_a_node_that_cannot_load_the_rest_begins_again(
    new_machine: Callable[[], Machine], platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PID 1 starts machined once more, as after any other failure: a card may be read next time."""

    def fail() -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("edge.node.control.runtime._load_rest", fail)
    platform.listen = "127.44.0.3"
    machine = new_machine()
    await machine.boot()
    machine.reachable.set()
    runtime = Runtime(machine)
    runtime.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(OSError, match="Input/output"):
                await machine.ended
    finally:
        await runtime.stop()


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

    await attempt(fail(), "closing one", 1.0)
    await attempt(hang(), "closing two", 0.01)
    lines = logs.open("machined").tail()
    assert "closing one failed: RuntimeError at " in lines[0]
    assert "closing two failed: TimeoutError at " in lines[1]
