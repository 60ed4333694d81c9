# SPDX-License-Identifier: Apache-2.0
"""What clients that wait see of a machine that starts and ends."""

from collections.abc import Callable
from typing import Any

import pytest

from edge.api import machine_pb2
from edge.errors import NodeError
from edge.node.api.life import LifeCalls
from edge.node.boot.supervisor import Request
from edge.node.configuration import Configuration, parse_configuration
from edge.node.ending import Work
from edge.node.event import EventBus
from edge.node.machine import Machine, Stage
from edge.node.sequence import Sequence

NewMachine = Callable[[], Machine]


def _told(events: EventBus, actor: str = "") -> list[str]:
    """Return "kind name action" of the sequence's events, in their order."""
    found = []
    for event in events.history():
        payload = event.payload
        for word in ("sequence", "phase", "task"):
            if word in payload.DESCRIPTOR.fields_by_name and (not actor or event.actor == actor):
                action = type(payload).Action.Name(payload.action)  # type: ignore[attr-defined]
                found.append(f"{word} {getattr(payload, word)} {action}")
    return found


def test_a_failed_task_ends_its_sequence_with_the_reason() -> None:
    """And nothing is told to have stopped well."""
    events = EventBus()
    sequence = Sequence(events, "reset", "somebody")
    with pytest.raises(NodeError), sequence.task("reset", "resetSystemDisk"):
        raise NodeError("the disk is gone")
    assert _told(events) == [
        "sequence reset START",
        "phase reset START",
        "task resetSystemDisk START",
        "sequence reset STOP",
    ]
    last = events.history()[-1].payload
    assert isinstance(last, machine_pb2.SequenceEvent)
    assert last.error.message == "the disk is gone"


async def test_a_boot_without_configuration_stays_in_its_first_sequence(
    new_machine: NewMachine, configuration: Configuration
) -> None:
    """It goes on where it was once somebody configures the node."""
    machine = new_machine()
    await machine.boot()
    assert _told(machine.events)[-2:] == [
        "phase maintenance START",
        "task runningMaintenance START",
    ]
    machine.activate(configuration)
    assert _told(machine.events)[-9:] == [
        "task runningMaintenance STOP",
        "phase maintenance STOP",
        "sequence initialize STOP",
        "sequence boot START",
        "phase startEverything START",
        "task startAllServices START",
        "task startAllServices STOP",
        "phase startEverything STOP",
        "sequence boot STOP",
    ]


async def test_a_second_configuration_is_no_second_boot(
    new_machine: NewMachine, configuration: Configuration
) -> None:
    """Clients that wait for a boot would be misled."""
    machine = new_machine()
    await machine.boot()
    machine.activate(configuration)
    told = _told(machine.events)
    machine.activate(parse_configuration(configuration.text.encode()))
    assert _told(machine.events) == told


async def test_the_end_is_told_under_its_actor(
    new_machine: NewMachine, configuration: Configuration
) -> None:
    """A client that asked for a restart follows these events alone."""
    machine = new_machine()
    await machine.boot()
    actor = machine.end(Request.REBOOT, Stage.REBOOTING, "reboot")
    assert machine.ending
    await machine.ending.begin()
    assert _told(machine.events, actor) == [
        "sequence reboot START",
        "phase stopEverything START",
        "task stopAllServices START",
    ]
    restarts = [e for e in machine.events.history() if "RestartEvent" in e.payload.DESCRIPTOR.name]
    assert [each.actor for each in restarts] == [actor]


async def test_what_comes_first_is_told_and_done(new_machine: NewMachine) -> None:
    """Before anything stops, so that its events are heard."""
    machine, done = new_machine(), []
    await machine.boot()

    async def wipe() -> None:
        done.append("wiped")

    first = Work(phase="resetUserDisks", task="resetUserDisks", do=wipe)
    actor = machine.end(Request.REBOOT, Stage.RESETTING, "reset", first=first)
    assert machine.ending
    await machine.ending.begin()
    assert done == ["wiped"]
    assert _told(machine.events, actor)[1:5] == [
        "phase resetUserDisks START",
        "task resetUserDisks START",
        "task resetUserDisks STOP",
        "phase resetUserDisks STOP",
    ]


class _Calls(LifeCalls):
    """The calls alone, on a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine


async def test_force_is_asked_for(new_machine: NewMachine) -> None:
    """Of a restart by its mode, of a power-off by its own word; nothing is forced otherwise."""
    shutdown, reboot = machine_pb2.ShutdownRequest, machine_pb2.RebootRequest
    for request, is_forced in (
        (shutdown(force=True), True),
        (shutdown(), False),
        (reboot(mode="FORCE"), True),
        (reboot(mode="POWERCYCLE"), False),
    ):
        machine = new_machine()
        await machine.boot()
        calls: Any = _Calls(machine)
        await (calls.Shutdown if isinstance(request, shutdown) else calls.Reboot)(request, None)
        assert machine.ending
        assert machine.ending.is_forced is is_forced
