# SPDX-License-Identifier: Apache-2.0
"""The loop around a controller: when it runs again, and what it survives."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from edge.errors import NodeError
from edge.node.control.controller import Controller, run_controller
from edge.node.control.status import StatusController
from edge.node.control.system import SysctlController
from edge.node.log import LogBook
from edge.node.machine import Machine, Stage
from edge.node.resource import kind
from edge.node.service import State

NewMachine = Callable[[], Machine]


class Counting(Controller):
    """Counts its runs, and fails as often as told."""

    name = "test.Counting"
    inputs = (kind.META_KEY,)

    def __init__(self, machine: Machine, *failures: Exception) -> None:
        super().__init__(machine)
        self.failures = list(failures)
        self.runs = 0
        self.ran = asyncio.Event()

    async def reconcile(self) -> None:
        """Count."""
        self.runs += 1
        self.ran.set()
        if self.failures:
            raise self.failures.pop(0)

    async def wait(self) -> None:
        """Wait for the next run."""
        async with asyncio.timeout(60):
            await self.ran.wait()
        self.ran.clear()


@pytest.fixture
async def machine(new_machine: NewMachine) -> Machine:
    return new_machine()


@pytest.fixture
async def started() -> AsyncIterator[Callable[[Controller], None]]:
    tasks: list[asyncio.Task[None]] = []
    yield lambda controller: tasks.append(asyncio.create_task(run_controller(controller)))
    for task in tasks:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_runs_at_once_and_after_every_change(
    machine: Machine, started: Callable[[Controller], None]
) -> None:
    """Several changes at once are one run; others' changes are none."""
    controller = Counting(machine)
    started(controller)
    await controller.wait()
    for number in range(5):
        machine.store.put(kind.META_KEY, "a", {"value": str(number)}, owner="test")
    await controller.wait()
    machine.store.put(kind.VERSION, "version", {"version": "v1"}, owner="test")
    await asyncio.sleep(0.01)
    assert controller.runs == 2


async def test_a_period_is_another_reason(
    machine: Machine, started: Callable[[Controller], None]
) -> None:
    """Where the world changes without a word."""
    controller = Counting(machine)
    controller.period_s = 0.01
    started(controller)
    for _ in range(3):
        await controller.wait()


@pytest.mark.parametrize(
    "failure",
    [OSError(5, "Input/output error"), NodeError("no"), RuntimeError("bug"), AssertionError("bug")],
)
async def test_failures_and_bugs_are_tried_again(
    machine: Machine, started: Callable[[Controller], None], logs: LogBook, failure: Exception
) -> None:
    """The log says what and where; the node goes on."""
    controller = Counting(machine, failure)
    started(controller)
    await controller.wait()
    await controller.wait()
    line = logs.open("controller-runtime").tail()[-1]
    assert "test.Counting" in line
    assert ("test_controller.py:" in line) is isinstance(failure, RuntimeError | AssertionError)


async def test_readiness_is_judged_in_running_only(machine: Machine) -> None:
    """What is unmet has a name and a reason."""
    controller = StatusController(machine)
    machine.enter(Stage.MAINTENANCE)
    await controller.reconcile()
    assert machine.store.spec(kind.MACHINE_STATUS, "machine")["status"]["ready"]
    machine.enter(Stage.RUNNING)
    machine.services.enter("apid", State.FAILED, "port is taken")
    await controller.reconcile()
    unmet = machine.store.spec(kind.MACHINE_STATUS, "machine")["status"]["unmetConditions"]
    assert [each["name"] for each in unmet] == ["network", "services"]
    machine.services.enter("apid", State.RUNNING, "Serving")
    machine.store.put(kind.NETWORK_STATUS, "status", {"addressReady": True}, owner="test")
    await controller.reconcile()
    assert machine.store.spec(kind.MACHINE_STATUS, "machine")["status"]["ready"]


async def test_without_a_configuration_no_parameter_is_set(machine: Machine) -> None:
    """The kernel's own stay."""
    await SysctlController(machine).reconcile()
    assert not machine.store.of_kind(kind.DIAGNOSTIC)
