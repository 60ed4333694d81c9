# SPDX-License-Identifier: Apache-2.0
"""Sightings folded into nodes and events."""

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from discovery.record import NodeRecord, NodeState
from discovery.roster import MAX_SIGHTINGS, NodeChanged, NodeFound, NodeLost, Roster

CAM = NodeRecord(
    name="cam", id="1a2b", fingerprint="A", interface="eth0", addresses=(ip_address("10.0.0.2"),)
)
CAM_ON_WLAN = replace(CAM, interface="wlan0", addresses=(ip_address("10.1.0.2"),))


def test_found_changed_lost() -> None:
    """A node appears, says something else and leaves; saying the same again is no event."""
    roster = Roster()
    running = replace(CAM, state=NodeState.RUNNING)
    assert roster.put("eth0", "cam", CAM) == [NodeFound(node=CAM)]
    assert roster.put("eth0", "cam", CAM) == []
    assert roster.put("eth0", "cam", running) == [NodeChanged(node=running, previous=CAM)]
    assert roster.drop("eth0", "cam") == [NodeLost(node=running)]
    assert roster.drop("eth0", "cam") == []


def test_node_on_two_links_is_one() -> None:
    """Heard on a second link, a node gains addresses; it is lost when both links lost it."""
    roster = Roster()
    roster.put("eth0", "cam", CAM)
    (changed,) = roster.put("wlan0", "cam", CAM_ON_WLAN)
    assert changed.node.addresses == (ip_address("10.0.0.2"), ip_address("10.1.0.2"))
    assert changed.node.interface == "eth0"
    assert [type(event) for event in roster.drop("eth0", "cam")] == [NodeChanged]
    assert [type(event) for event in roster.drop("wlan0", "cam")] == [NodeLost]


def test_copied_id_is_another_node() -> None:
    """Somebody with the id of a node but another key does not take its place."""
    roster = Roster()
    roster.put("eth0", "cam", CAM)
    impostor = replace(CAM, fingerprint="B", addresses=(ip_address("10.0.0.66"),))
    assert roster.put("eth0", "cam-2", impostor) == [NodeFound(node=impostor)]
    assert roster.nodes() == [CAM, impostor]


def test_new_host_name_is_a_change() -> None:
    """A renamed node is changed, not lost and found."""
    roster = Roster()
    roster.put("eth0", "edge-1a2b", CAM)
    renamed = replace(CAM, name="door")
    assert roster.put("eth0", "door-1a2b", renamed) == [NodeChanged(node=renamed, previous=CAM)]
    assert roster.drop("eth0", "edge-1a2b") == []
    assert roster.nodes() == [renamed]


def test_new_key_at_the_same_name_is_another_node() -> None:
    """A card swapped for another under one name loses the old node and finds the new one."""
    roster = Roster()
    roster.put("eth0", "cam", CAM)
    other = replace(CAM, fingerprint="B")
    assert roster.put("eth0", "cam", other) == [NodeLost(node=CAM), NodeFound(node=other)]


def test_sightings_are_bounded() -> None:
    """A link flooded with names costs a bounded amount of memory."""
    roster = Roster()
    for number in range(MAX_SIGHTINGS + 10):
        roster.put("eth0", f"cam-{number}", replace(CAM, id=f"{number}"))
    assert len(roster.nodes()) == MAX_SIGHTINGS


steps = st.tuples(
    st.booleans(),
    st.sampled_from(["eth0", "wlan0"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from(list(NodeState)),
)


@given(st.lists(steps, max_size=40))
def test_events_tell_the_whole_story(
    story: list[tuple[bool, str, str, str, NodeState]],
) -> None:
    """Whoever only follows the events knows exactly the nodes that are there."""
    roster, known = Roster(), set[NodeRecord]()
    for present, link, name, node_id, state in story:
        record = replace(CAM, id=node_id, interface=link, state=state)
        for event in roster.put(link, name, record) if present else roster.drop(link, name):
            match event:
                case NodeFound(node=node):
                    known.add(node)
                case NodeChanged(node=node, previous=previous):
                    known.remove(previous)
                    known.add(node)
                case NodeLost(node=node):
                    known.remove(node)
    assert known == set(roster.nodes())
