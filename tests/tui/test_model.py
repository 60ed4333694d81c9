# SPDX-License-Identifier: Apache-2.0
"""How what is named, heard and answered becomes nodes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from discovery.record import NodeState
from edge.client.model import Usage
from tests.fakes.nodes import NOW, FakeNode, fingerprint
from tui.model import Failure, Fleet, State
from tui.services import Identity, Report, Sighting

NODE = FakeNode(name="edge-1", address="10.0.0.11", card=3)
LATER = NOW + timedelta(seconds=30)


def sighting(*, in_sight: bool = True, **fields: Any) -> Sighting:
    """Return what mDNS says of the node, with some fields otherwise."""
    record = replace(NODE.record, **fields)
    return Sighting(record=record, in_sight=in_sight, claimed_card=3)


def report(*, busy: float = 0.0, total: float = 0.0, **fields: Any) -> Report:
    """Return an answer of the node."""
    usage = Usage(
        cpu_busy=busy,
        cpu_total=total,
        cpu_count=2,
        memory_total_bytes=1000,
        memory_available_bytes=750,
        load=(0.0, 0.0, 0.0),
        boot_time=0.0,
    )
    values: dict[str, Any] = {
        "endpoint": NODE.endpoint,
        "identity": Identity(fingerprint=NODE.fingerprint, card=3),
        "maintenance": True,
        "stage": "maintenance",
        "name": "edge-1",
        "version": "v0.1.0",
        "usage": usage,
    }
    return Report(**(values | fields))


def test_heard_node_is_what_it_says_until_it_answers() -> None:
    """An announcement is a hint; the answer counts."""
    fleet = Fleet()
    key = fleet.hear(sighting(state=NodeState.RUNNING), NOW)
    assert fleet.nodes[key].state is State.RUNNING
    assert fleet.nodes[key].identity is None
    fleet.answer(key, report(), NOW)
    assert fleet.nodes[key].state is State.MAINTENANCE
    assert fleet.nodes[key].identity == Identity(fingerprint=NODE.fingerprint, card=3)


def test_key_is_the_id_of_the_node() -> None:
    """The same node has the same row however often it is heard."""
    fleet = Fleet()
    keys = {fleet.hear(sighting(name=name), NOW) for name in ("edge-1", "renamed")}
    assert keys == {"id-edge-1"}
    assert fleet.nodes["id-edge-1"].name == "renamed"


def test_copied_id_makes_another_row() -> None:
    """An impostor with a copied id never takes a node's row."""
    fleet = Fleet()
    first = fleet.hear(sighting(), NOW)
    other = fleet.hear(sighting(fingerprint=fingerprint("impostor")), NOW)
    assert first != other
    assert fleet.nodes[first].record == NODE.record


def test_named_node_that_is_heard_keeps_its_row() -> None:
    """What the user named and mDNS found is one node."""
    fleet = Fleet()
    named = fleet.name(NODE.endpoint)
    assert fleet.nodes[named].state is State.LOOKING
    assert fleet.hear(sighting(), NOW) == named
    assert list(fleet.nodes) == [named]
    assert fleet.name(NODE.endpoint) == named


def test_failing_node_keeps_what_is_known_and_says_why() -> None:
    """Unreachable is a state with a reason; the next answer ends it."""
    fleet = Fleet()
    key = fleet.hear(sighting(), NOW)
    fleet.answer(key, report(), NOW)
    fleet.fail(key, Failure(reason="connection refused"), LATER)
    node = fleet.nodes[key]
    assert (node.state, node.version, node.last_seen) == (State.UNREACHABLE, "0.1.0", NOW)
    fleet.answer(key, report(stage="running", maintenance=False), LATER)
    assert fleet.nodes[key].state is State.RUNNING


def test_refusing_node_is_there() -> None:
    """No access is not unreachable: the node was seen just now."""
    fleet = Fleet()
    key = fleet.name(NODE.endpoint)
    fleet.fail(key, Failure(reason="not of this cluster", refused=True), LATER)
    assert fleet.nodes[key].state is State.NO_ACCESS
    assert fleet.nodes[key].last_seen == LATER


def test_unready_and_busy_stages_have_states() -> None:
    """A running node with unmet conditions is not ready; a restarting one shows its own word."""
    fleet = Fleet()
    key = fleet.hear(sighting(), NOW)
    fleet.answer(key, report(stage="running", ready=False), NOW)
    assert fleet.nodes[key].state is State.NOT_READY
    fleet.answer(key, report(stage="rebooting"), NOW)
    assert (fleet.nodes[key].state, fleet.nodes[key].stage) == (State.BOOTING, "rebooting")


def test_processor_share_is_of_the_time_between_answers() -> None:
    """The first answer has no share, and a restart begins a new history."""
    fleet = Fleet()
    key = fleet.hear(sighting(), NOW)
    fleet.answer(key, report(busy=100, total=1000), NOW)
    assert fleet.nodes[key].cpu == ()
    fleet.answer(key, report(busy=101, total=1002), NOW)
    fleet.answer(key, report(busy=101, total=1002), NOW)
    assert fleet.nodes[key].cpu == (50.0,)
    assert fleet.nodes[key].memory == (25.0, 25.0, 25.0)
    fleet.answer(key, report(busy=1, total=2), NOW)
    assert fleet.nodes[key].cpu == ()


def test_rewritten_card_replaces_the_node_that_was_there() -> None:
    """A departed node goes when another one is at its address; a named one stays."""
    fleet = Fleet()
    old = fleet.hear(sighting(), NOW)
    fleet.hear(sighting(in_sight=False), NOW)
    new = fleet.hear(sighting(id="new", fingerprint=fingerprint("new")), LATER)
    assert list(fleet.nodes) == [new]
    assert fleet.target(old) is None


def test_target_carries_the_claimed_key() -> None:
    """Who answers with another key than announced shall not be taken for the node."""
    fleet = Fleet()
    target = fleet.target(fleet.hear(sighting(), NOW))
    assert target == NODE.target()


def test_answers_about_forgotten_nodes_are_nothing() -> None:
    """A late answer does not bring a forgotten node back."""
    fleet = Fleet()
    key = fleet.hear(sighting(), NOW)
    fleet.forget(key)
    fleet.answer(key, report(), NOW)
    fleet.fail(key, Failure(reason="late"), NOW)
    assert fleet.nodes == {}
