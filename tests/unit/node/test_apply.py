# SPDX-License-Identifier: Apache-2.0
"""Apply modes: what takes effect, what is kept, what goes back."""

import asyncio
from collections.abc import Callable

import pytest

from edge.config.generate import Generated
from edge.errors import ConfigError, NodeError
from edge.node.apply import Applier, Mode
from edge.node.boot.supervisor import Request
from edge.node.configuration import CONFIG_FILE, read_configuration
from edge.node.machine import Machine, Stage
from edge.node.resource import kind

NewMachine = Callable[[], Machine]


class Node:
    """A machine with its applier and the variants of one configuration."""

    def __init__(self, machine: Machine, base: str) -> None:
        self.machine = machine
        self.applier = Applier(machine)
        self.base = base

    def variant(self, name: str) -> bytes:
        """Return the configuration with a mark in it."""
        return f"{self.base}\n# {name}\n".encode()

    async def apply(self, name: str, mode: Mode = Mode.AUTO, try_timeout_s: float = 0.0) -> str:
        """Apply a variant and return what the node says."""
        data = self.variant(name)
        return (await self.applier.apply(data, mode, try_timeout_s=try_timeout_s)).details

    @property
    def active(self) -> str:
        """The mark of the active configuration."""
        return _mark(self.machine.active.text) if self.machine.active else ""

    @property
    def kept(self) -> str:
        """The mark of the configuration on STATE."""
        assert self.machine.volumes.state
        found = read_configuration(self.machine.volumes.state)
        return _mark(found.text) if found else ""


def _mark(text: str) -> str:
    return text.strip().rsplit("# ", 1)[1]


@pytest.fixture
async def node(new_machine: NewMachine, generated: Generated) -> Node:
    machine = new_machine()
    await machine.boot()
    return Node(machine, generated.worker)


async def test_the_first_configuration_takes_effect_and_stays(node: Node) -> None:
    """Upstream's mode `auto` becomes `no-reboot`."""
    applied = await node.applier.apply(node.variant("a"), Mode.AUTO)
    assert applied.mode is Mode.NO_REBOOT
    assert (node.active, node.kept) == ("a", "a")
    assert node.machine.stage is Stage.RUNNING


@pytest.mark.parametrize("mode", [Mode.STAGED, Mode.TRY])
async def test_maintenance_neither_stages_nor_tries(node: Node, mode: Mode) -> None:
    """There is nothing to go back to."""
    with pytest.raises(ConfigError, match="needs a node that is configured"):
        await node.apply("a", mode)
    assert node.active == ""


async def test_reboot_in_maintenance_needs_no_reboot(node: Node) -> None:
    """Everything takes effect at once there."""
    await node.apply("a", Mode.REBOOT)
    assert node.active == "a"
    assert not node.machine.ended.done()


async def test_staged_waits_for_the_next_boot(node: Node) -> None:
    """Only the disk changes."""
    await node.apply("a")
    assert "Staged" in await node.apply("b", Mode.STAGED)
    assert (node.active, node.kept) == ("a", "b")
    persistent = node.machine.store.spec(kind.MACHINE_CONFIG, "persistent")
    assert _mark(persistent) == "b"


async def test_reboot_persists_and_restarts(node: Node) -> None:
    """What runs stays as it is until then."""
    await node.apply("a")
    await node.apply("b", Mode.REBOOT)
    assert (node.active, node.kept) == ("a", "b")
    assert await node.machine.ended is Request.REBOOT


async def test_a_trial_goes_back_by_itself(node: Node) -> None:
    """And was never on the disk."""
    await node.apply("a")
    assert "going back in 0.05 s" in await node.apply("b", Mode.TRY, try_timeout_s=0.05)
    assert (node.active, node.kept) == ("b", "a")
    await asyncio.sleep(0.1)
    assert node.active == "a"


async def test_a_trial_is_confirmed_by_applying(node: Node) -> None:
    """The timer is off then."""
    await node.apply("a")
    await node.apply("b", Mode.TRY, try_timeout_s=0.1)
    await node.apply("b")
    await asyncio.sleep(0.15)
    assert (node.active, node.kept) == ("b", "b")


async def test_a_trial_of_a_trial_goes_back_to_what_was_confirmed(node: Node) -> None:
    """Not to the first trial, which nobody confirmed."""
    await node.apply("a")
    await node.apply("b", Mode.TRY, try_timeout_s=60)
    await node.apply("c", Mode.TRY, try_timeout_s=0.05)
    assert node.active == "c"
    await asyncio.sleep(0.1)
    assert node.active == "a"


async def test_a_failed_write_leaves_the_trial_running(node: Node) -> None:
    """An unconfirmed configuration still goes back when its confirmation could not be written."""
    await node.apply("a")
    await node.apply("b", Mode.TRY, try_timeout_s=0.1)
    assert node.machine.volumes.state
    (node.machine.volumes.state / ".config.yaml.new").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        await node.apply("b")
    (node.machine.volumes.state / ".config.yaml.new").rmdir()
    assert node.active == "b"
    await asyncio.sleep(0.15)
    assert (node.active, node.kept) == ("a", "a")


async def test_a_dry_run_changes_nothing(node: Node) -> None:
    """It says what would be done and shows the difference."""
    await node.apply("a")
    text = node.base.replace("clusterName: demo", "clusterName: other").encode()
    applied = await node.applier.apply(text, Mode.AUTO, dry_run=True)
    assert applied.details.startswith("Dry run summary:\nApplied configuration without a reboot")
    assert "other" in applied.details
    assert (node.active, node.kept) == ("a", "a")


async def test_a_change_is_told(node: Node) -> None:
    """A node that runs already tells of a change, and of the way back, each from start to stop."""
    await node.apply("a")
    with node.machine.events.subscribe() as events:
        await node.apply("b")
        told = [type(events.get_nowait().payload).__name__ for _ in range(events.qsize())]
    assert told == [*["SequenceEvent", "PhaseEvent", "TaskEvent"], *reversed(
        ["SequenceEvent", "PhaseEvent", "TaskEvent"]
    )]  # fmt: skip


async def test_applying_again_changes_nothing(node: Node) -> None:
    """No write, no event, no new version of any resource."""
    await node.apply("a")
    state = node.machine.volumes.state
    assert state
    before = (state / CONFIG_FILE).stat()
    with (
        node.machine.store.watch(lambda _: True) as changes,
        node.machine.events.subscribe() as events,
    ):
        for mode in (Mode.AUTO, Mode.NO_REBOOT, Mode.STAGED, Mode.TRY):
            await node.apply("a", mode)
    assert changes.empty()
    assert events.empty()
    after = (state / CONFIG_FILE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_applying_what_is_tried_keeps_it(node: Node) -> None:
    """Although it is active already."""
    await node.apply("a")
    await node.apply("b", Mode.TRY, try_timeout_s=0.05)
    await node.apply("b")
    await asyncio.sleep(0.1)
    assert (node.active, node.kept) == ("b", "b")


async def test_staging_does_not_confirm_a_trial(node: Node) -> None:
    """What runs goes back; what is staged waits."""
    await node.apply("a")
    await node.apply("b", Mode.TRY, try_timeout_s=0.05)
    await node.apply("c", Mode.STAGED)
    await asyncio.sleep(0.1)
    assert (node.active, node.kept) == ("a", "c")


async def test_a_trial_goes_back_though_its_caller_is_gone(node: Node) -> None:
    """The node keeps the time, not the client."""
    await node.apply("a")
    call = asyncio.create_task(node.apply("b", Mode.TRY, try_timeout_s=0.3))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    async with node.machine.applying:
        assert node.active == "b"
    await asyncio.sleep(0.4)
    assert (node.active, node.kept) == ("a", "a")


async def test_a_node_that_dies_in_a_trial_has_what_was_kept(
    node: Node, new_machine: NewMachine
) -> None:
    """Nobody needs to go back then."""
    await node.apply("a")
    await node.apply("b", Mode.TRY, try_timeout_s=60)
    again = new_machine()
    await again.boot()
    assert again.active
    assert _mark(again.active.text) == "a"


async def test_one_at_a_time(node: Node) -> None:
    """The second of two at once is told to wait."""
    first = asyncio.create_task(node.apply("a"))
    await asyncio.sleep(0)
    with pytest.raises(NodeError, match="already in progress"):
        await node.apply("b")
    await first
    assert node.active == "a"


async def test_a_caller_who_hangs_up_changes_nothing(node: Node) -> None:
    """The configuration is carried out whole, never written without taking effect."""
    call = asyncio.create_task(node.apply("a"))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    async with node.machine.applying:
        assert (node.active, node.kept) == ("a", "a")


async def test_an_ending_node_takes_nothing(node: Node) -> None:
    """What is written during a reset would be lost, or survive it."""
    node.machine.end(Request.POWER_OFF, Stage.RESETTING, "reset", wipe=("STATE",))
    with pytest.raises(NodeError, match="another sequence"):
        await node.apply("a")


@pytest.mark.parametrize("data", [b"", b"\xff", b"[", b"kind: HostnameConfig\n", b"version: v9\n"])
async def test_faults_are_refused_before_anything_changes(node: Node, data: bytes) -> None:
    """The node keeps what it had, and takes the next one."""
    await node.apply("a")
    with pytest.raises(ConfigError):
        await node.applier.apply(data, Mode.AUTO)
    assert (node.active, node.kept) == ("a", "a")
    await node.apply("b")


async def test_a_partial_configuration_is_pointed_to_patching(node: Node) -> None:
    """Documents alone do not make a machine."""
    with pytest.raises(ConfigError, match="no v1alpha1 document") as caught:
        await node.applier.apply(
            b"apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a\n", Mode.AUTO
        )
    assert caught.value.hint
