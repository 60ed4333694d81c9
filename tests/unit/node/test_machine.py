# SPDX-License-Identifier: Apache-2.0
"""What a machine makes of the disk it finds, and how it ends."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.config.generate import Generated
from edge.errors import NodeError
from edge.meta import keys
from edge.meta.enrolment import new_enrolment
from edge.meta.partition import MetaPartition
from edge.node.boot.supervisor import Request
from edge.node.configuration import Configuration, parse_configuration
from edge.node.log import LogBook
from edge.node.machine import DISK, Machine, Stage
from edge.node.resource import kind
from edge.node.volume import open_meta
from tests.fakes.node import FakePlatform, write_disk
from tests.unit.node.conftest import NOW

NewMachine = Callable[[], Machine]


def _diagnostics(machine: Machine) -> dict[str, str]:
    return {each.id: each.spec["message"] for each in machine.store.of_kind(kind.DIAGNOSTIC)}


def _meta(machine: Machine) -> MetaPartition:
    assert machine.volumes.meta
    return machine.volumes.meta


async def _configured(new_machine: NewMachine, configuration: Configuration) -> Machine:
    machine = new_machine()
    await machine.boot()
    await machine.persist(configuration)
    machine.activate(configuration)
    return machine


async def test_first_boot_ends_in_maintenance(
    new_machine: NewMachine, platform: FakePlatform, node_key: bytes
) -> None:
    """A fresh card gets its volumes, keeps the flasher's key, and waits."""
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.MAINTENANCE
    assert machine.key == node_key
    assert set(machine.volumes.mounted) == {"STATE"}
    await machine.open_rest()
    assert set(machine.volumes.mounted) == {"STATE", "EPHEMERAL"}
    assert not _diagnostics(machine)


async def test_a_configured_node_boots_configured(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """The configuration is found again, and nothing is made a second time."""
    await _configured(new_machine, configuration)
    platform.fake_driver.made.clear()
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.RUNNING
    assert machine.active
    assert machine.active.text == configuration.text
    assert platform.fake_driver.made == []


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"version: v1alpha1\nmachine: [", b"{}", b"a: &a [*a]"]
)
async def test_a_broken_configuration_means_maintenance(
    new_machine: NewMachine,
    platform: FakePlatform,
    configuration: Configuration,
    content: bytes,
) -> None:
    """Whatever stands in the file, the node says so and waits for a better one."""
    await _configured(new_machine, configuration)
    (platform.fake_driver.path("STATE") / "config.yaml").write_bytes(content)
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.MAINTENANCE
    assert "configuration on STATE" in _diagnostics(machine)["config"]
    told = {each.payload.DESCRIPTOR.name for each in machine.events.history()}
    assert told & {"ConfigLoadErrorEvent", "ConfigValidationErrorEvent"}
    await machine.persist(configuration)
    assert not _diagnostics(machine)


async def test_a_damaged_state_is_not_formatted_unasked(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """The operator may still want what is on it; applying a configuration makes it anew."""
    await _configured(new_machine, configuration)
    platform.fake_driver.made.clear()
    (platform.fake_driver.path("STATE") / "superblock").write_bytes(b"garbage")
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.MAINTENANCE
    assert "STATE is unreadable" in _diagnostics(machine)["state"]
    assert platform.fake_driver.made == []
    await machine.persist(configuration)
    assert not _diagnostics(machine)
    again = new_machine()
    await again.boot()
    assert again.stage is Stage.RUNNING


async def test_a_damaged_ephemeral_leaves_the_node_running(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """Nothing that a node cannot do without lies there."""
    await _configured(new_machine, configuration)
    platform.fake_driver.broken.add("EPHEMERAL")
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.RUNNING
    assert "EPHEMERAL" in _diagnostics(machine)["ephemeral"]


async def test_a_zeroed_meta_does_not_cost_the_configuration(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """A blank META with volumes in the table was lost; STATE is not formatted for it."""
    first = await _configured(new_machine, configuration)
    _zero_meta(first)
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.RUNNING
    assert "META was empty" in _diagnostics(machine)["meta"]
    assert _meta(machine).read()[keys.NODE_KEY] == machine.key
    third = new_machine()
    await third.boot()
    assert not _diagnostics(third)
    assert third.key == machine.key


async def test_a_garbled_meta_is_mended_by_applying(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """It is left alone, since reading may work again, until somebody applies."""
    first = await _configured(new_machine, configuration)
    (platform.fake_driver.path("STATE") / "config.yaml").unlink()
    _garble_meta(first)
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.MAINTENANCE
    assert "meta" in _diagnostics(machine)
    await machine.persist(configuration)
    assert not _diagnostics(machine)
    again = new_machine()
    await again.boot()
    assert again.stage is Stage.RUNNING
    assert again.key == machine.key


async def test_a_mended_meta_knows_of_volumes_that_could_not_be_opened(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """Nothing is formatted that somebody may still want to look at."""
    first = await _configured(new_machine, configuration)
    (platform.fake_driver.path("STATE") / "config.yaml").unlink()
    _garble_meta(first)
    platform.fake_driver.broken.add("EPHEMERAL")
    platform.fake_driver.made.clear()
    machine = new_machine()
    await machine.boot()
    await machine.persist(configuration)
    assert "ephemeral" in _diagnostics(machine)
    platform.fake_driver.broken.clear()
    again = new_machine()
    await again.boot()
    assert platform.fake_driver.made == []
    assert set(again.volumes.mounted) == {"STATE", "EPHEMERAL"}


async def test_a_volume_whose_opening_was_given_up_is_opened_later(
    new_machine: NewMachine, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither forgotten nor taken for open."""
    machine = new_machine()
    await machine.boot()
    real, begun = platform.fake_driver.make, asyncio.Event()

    async def hang(*_given: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(platform.fake_driver, "make", hang)
    opening = asyncio.create_task(machine.open_rest())
    await begun.wait()
    opening.cancel()
    await asyncio.wait([opening])
    monkeypatch.setattr(platform.fake_driver, "make", real)
    await machine.open_rest()
    assert set(machine.volumes.mounted) == {"STATE", "EPHEMERAL"}


async def test_a_reset_opens_nothing_that_it_destroys(
    new_machine: NewMachine, platform: FakePlatform
) -> None:
    """To check a large volume first may take longer than a reset has time."""
    machine = new_machine()
    await machine.boot()
    platform.fake_driver.made.clear()
    machine.to_wipe = ("STATE", "EPHEMERAL")
    await machine.wipe()
    await machine.open_rest()
    assert platform.fake_driver.made == []


async def test_a_key_that_is_none_is_told_and_left(
    new_machine: NewMachine, platform: FakePlatform
) -> None:
    """The node is reached by another one."""
    write_disk(platform.disk, {keys.NODE_KEY: b"\xff no key"})
    machine = new_machine()
    await machine.boot()
    assert "unusable" in _diagnostics(machine)["key"]
    assert machine.key_digest
    assert _meta(machine).read()[keys.NODE_KEY] == b"\xff no key"


async def test_without_a_disk_there_is_maintenance(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """The node can still be asked what is wrong; applying is refused."""
    platform.disk.unlink()
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.MAINTENANCE
    assert _diagnostics(machine)["state"] == "no system disk was found"
    with pytest.raises(Exception, match="has no disk"):
        await machine.persist(configuration)


async def test_old_contents_of_a_card_are_never_taken_for_new(
    new_machine: NewMachine,
    platform: FakePlatform,
    configuration: Configuration,
    node_key: bytes,
) -> None:
    """After flashing again, the file system that was at STATE's place is made anew."""
    await _configured(new_machine, configuration)
    write_disk(platform.disk, {keys.NODE_KEY: node_key})
    machine = new_machine()
    await machine.boot()
    assert machine.stage is Stage.MAINTENANCE


async def test_the_clock_is_only_ever_raised(
    new_machine: NewMachine, platform: FakePlatform, node_key: bytes
) -> None:
    """A remembered time that is behind the clock is not brought back."""
    write_disk(platform.disk, {keys.NODE_KEY: node_key, keys.LAST_TIME: b"1700000000"})
    await new_machine().boot()
    assert platform.clock == []
    future = int(time.time()) + 1_000_000
    write_disk(platform.disk, {keys.NODE_KEY: node_key, keys.LAST_TIME: str(future).encode()})
    await new_machine().boot()
    assert platform.clock == [future]


async def test_secret_and_own_keys_of_meta_are_not_published(
    new_machine: NewMachine, platform: FakePlatform, node_key: bytes
) -> None:
    """Only what an operator put there is a resource."""
    enrolment = new_enrolment(now=NOW)
    values = {
        keys.NODE_KEY: node_key,
        keys.ENROLMENT: enrolment.to_json(),
        keys.LAST_TIME: b"1",
        keys.UUID_OVERRIDE: b"11111111-1111-4111-8111-111111111111",
    }
    write_disk(platform.disk, values)
    machine = new_machine()
    await machine.boot()
    assert [each.id for each in machine.store.of_kind(kind.META_KEY)] == ["0x0f"]
    assert machine.enrolment == enrolment


async def test_a_second_ending_is_refused(new_machine: NewMachine) -> None:
    """And a refused reset does not turn the running reboot into one."""
    machine = new_machine()
    await machine.boot()
    machine.end(Request.REBOOT, Stage.REBOOTING, "reboot")
    with pytest.raises(NodeError, match="another sequence"):
        machine.end(Request.POWER_OFF, Stage.RESETTING, "reset", wipe=(DISK,))
    assert machine.to_wipe == ()
    assert await machine.ended is Request.REBOOT


async def test_a_reset_of_volumes_leads_to_maintenance(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """STATE is zeroed and made anew; the node key survives in META."""
    machine = await _configured(new_machine, configuration)
    machine.end(Request.REBOOT, Stage.RESETTING, "reset", wipe=("STATE",))
    await machine.wipe()
    platform.fake_driver.made.clear()
    again = new_machine()
    await again.boot()
    assert again.stage is Stage.MAINTENANCE
    assert again.key == machine.key
    assert platform.fake_driver.made == ["STATE"]


async def test_a_reset_of_the_disk_leaves_no_system(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """Neither table nor keys nor configuration are left."""
    machine = await _configured(new_machine, configuration)
    machine.end(Request.POWER_OFF, Stage.RESETTING, "reset", wipe=(DISK,))
    await machine.wipe()
    assert await platform.find_disk() is None
    assert machine.key not in platform.disk.read_bytes()


async def test_an_ordinary_end_writes_nothing(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """A reboot does not wear the card, and does not fail on a broken META."""
    machine = await _configured(new_machine, configuration)
    before = platform.disk.read_bytes()
    machine.end(Request.REBOOT, Stage.REBOOTING, "reboot")
    await machine.wipe()
    assert platform.disk.read_bytes() == before


async def test_a_new_stage_is_not_ready_before_it_is_judged(
    new_machine: NewMachine, configuration: Configuration
) -> None:
    """Who waits for "running and ready" must not be told so from maintenance's readiness."""
    machine = new_machine()
    await machine.boot()
    machine.publish_status(machine.stage, {"ready": True, "unmetConditions": []})
    machine.activate(configuration)
    status = machine.store.spec(kind.MACHINE_STATUS, "machine")
    assert status == {"stage": "running", "status": {"ready": False, "unmetConditions": []}}
    machine.publish_status(machine.stage, {"ready": True, "unmetConditions": []})
    machine.activate(replace(configuration, text=configuration.text + "\n"))
    assert machine.store.spec(kind.MACHINE_STATUS, "machine")["status"]["ready"]


async def test_no_secret_of_the_configuration_reaches_a_log_or_event(
    new_machine: NewMachine, generated: Generated, logs: LogBook
) -> None:
    """Token and authority key are in the sensitive resource alone."""
    configuration = parse_configuration(generated.controlplane.encode())
    machine = await _configured(new_machine, configuration)
    lines = [line for name in logs.names() for line in logs.open(name).tail()]
    events = [event.payload.SerializeToString() for event in machine.events.history()]
    shown = [
        str(each.spec)
        for known in kind.KINDS.values()
        if not known.sensitive
        for each in machine.store.of_kind(known)
    ]
    everything = "\n".join([*lines, *map(repr, events), *shown, repr(configuration)])
    assert configuration.view.token not in everything
    assert "PRIVATE KEY" not in everything
    assert repr(configuration.view.ca_key) not in everything


def _zero_meta(machine: Machine) -> None:
    _overwrite_meta(machine, bytes(512 * 1024))


def _garble_meta(machine: Machine) -> None:
    _overwrite_meta(machine, b"\xa5" * 512 * 1024)


def _overwrite_meta(machine: Machine, data: bytes) -> None:
    assert machine.volumes.disk
    meta = open_meta(machine.volumes.disk)
    assert meta
    with meta.path.open("r+b") as file:
        file.seek(meta.offset)
        file.write(data)


async def _boot_with_card(
    new_machine: NewMachine, platform: FakePlatform, node_key: bytes, delivered: bytes
) -> Machine:
    write_disk(platform.disk, {keys.NODE_KEY: node_key, keys.MACHINE_CONFIG: delivered})
    machine = new_machine()
    await machine.boot()
    return machine


async def test_the_cards_configuration_is_taken_at_first_boot(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration, node_key: bytes
) -> None:
    """As if it had been applied: it is on STATE, and no longer in META."""
    machine = await _boot_with_card(new_machine, platform, node_key, configuration.text.encode())
    assert machine.stage is Stage.RUNNING
    assert machine.active == configuration
    assert (platform.fake_driver.path("STATE") / "config.yaml").read_text() == configuration.text
    assert keys.MACHINE_CONFIG not in _meta(machine).read()
    assert not machine.store.of_kind(kind.META_KEY)
    again = new_machine()
    await again.boot()
    assert again.active == configuration


async def test_the_cards_configuration_goes_also_after_a_power_cut(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """Taken, but not yet deleted when the power went: what is on STATE counts."""
    machine = await _configured(new_machine, configuration)
    _meta(machine).set(keys.MACHINE_CONFIG, b"older")
    again = new_machine()
    await again.boot()
    assert again.active == configuration
    assert keys.MACHINE_CONFIG not in _meta(again).read()


@pytest.mark.parametrize("delivered", [b"", b"\xff", b"version: v1alpha1\n", b"kind: Nonsense\n"])
async def test_a_card_with_a_bad_configuration_means_maintenance(
    new_machine: NewMachine,
    platform: FakePlatform,
    configuration: Configuration,
    node_key: bytes,
    delivered: bytes,
) -> None:
    """The node says what is wrong at every boot, until it is given a better one."""
    for machine in (
        await _boot_with_card(new_machine, platform, node_key, delivered),
        new_machine(),
    ):
        if machine.stage is Stage.BOOTING:
            await machine.boot()
        assert machine.stage is Stage.MAINTENANCE
        assert "the card brought is not valid" in _diagnostics(machine)["card"]
    await machine.persist(configuration)
    assert not _diagnostics(machine)
    assert keys.MACHINE_CONFIG not in _meta(machine).read()


async def test_an_unreadable_state_is_not_made_afresh_for_the_card(
    new_machine: NewMachine, platform: FakePlatform, configuration: Configuration
) -> None:
    """It may hold a configuration that is newer; only a person may give it up."""
    machine = await _configured(new_machine, configuration)
    _meta(machine).set(keys.MACHINE_CONFIG, configuration.text.encode())
    platform.fake_driver.broken.add("STATE")
    platform.fake_driver.made.clear()
    again = new_machine()
    await again.boot()
    assert again.stage is Stage.MAINTENANCE
    assert platform.fake_driver.made == []
    assert "unreadable" in _diagnostics(again)["state"]
    assert keys.MACHINE_CONFIG in _meta(again).read()
