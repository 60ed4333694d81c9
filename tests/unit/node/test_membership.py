# SPDX-License-Identifier: Apache-2.0
"""Who belongs to a cluster: proofs, names of nodes, and how nodes hear of each other."""

import asyncio
import base64
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.record import NodeRecord, decode, encode
from edge.config.generate import Generated
from edge.node.configuration import parse_configuration
from edge.node.control.cluster import RAW, ClusterController, MemberController, PeerController
from edge.node.control.kubernetes import NodenameController
from edge.node.control.peer import FILE, FolderPeers, Found, Wanted, own_record
from edge.node.machine import Machine
from edge.node.membership import is_member, node_id, prove
from edge.node.resource import kind
from edge.pki.key import spki_digest

FINGERPRINT = base64.b64encode(bytes(range(32))).decode()
SECRET = base64.b64encode(bytes(32)).decode()


def record(**fields: object) -> NodeRecord:
    """Return what a node might announce."""
    plain = NodeRecord(
        name="node", id="abc", fingerprint=FINGERPRINT, machine_type="worker", version="1"
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_nodes_have_names_of_their_own(one: bytes, other: bytes) -> None:
    """Of one length, of letters and digits, and different for different keys."""
    names = [node_id(base64.b64encode(each).decode()) for each in (one, other)]
    assert all(len(name) == 43 and name.isalnum() for name in names)
    assert (names[0] == names[1]) is (one == other)


def test_a_proof_holds_for_one_secret_and_one_node() -> None:
    """Whoever changes what it covers, or lacks the secret, is no member."""
    member = record(membership=prove(SECRET, record()))
    assert is_member(SECRET, member)
    assert is_member(SECRET, replace(member, name="renamed", addresses=(ip_address("10.0.0.1"),)))
    assert not is_member("other", member)
    assert not is_member("", member)
    assert not is_member(SECRET, replace(member, id="xyz"))
    assert not is_member(SECRET, replace(member, machine_type="controlplane"))
    assert not is_member(SECRET, replace(member, fingerprint=""))
    assert not is_member(SECRET, record())


def test_a_proof_survives_the_announcement() -> None:
    """As a TXT record of DNS-SD."""
    member = record(membership=prove(SECRET, record()))
    txt = {key.encode(): value.encode() for key, value in encode(member).items()}
    heard = decode(txt, instance="node", addresses=["10.0.0.1"], port=50000, interface="eth0")
    assert heard
    assert is_member(SECRET, heard)
    assert heard.machine_type == "worker"
    txt[b"mb"] = b"too short"
    heard = decode(txt, instance="node", addresses=["10.0.0.1"], port=50000, interface="eth0")
    assert heard
    assert heard.membership == ""


def _every(_record: NodeRecord) -> bool:
    return True


async def _hear(peers: FolderPeers, own: NodeRecord, wanted: Callable[[Found], bool]) -> Found:
    async with asyncio.timeout(60), aclosing(peers.hear(lambda: own, _every)) as sightings:
        async for found in sightings:
            if wanted(found):
                return found
    raise AssertionError


async def test_nodes_of_a_lab_find_each_other(tmp_path: Path) -> None:
    """By their files; one that is old is of a node that lost power, one that is torn is none."""
    own = record()
    other = record(id="other", fingerprint="other", addresses=(ip_address("127.42.0.2"),))
    for name in ("one", "two", "torn"):
        (tmp_path / name).mkdir()
    (tmp_path / "torn" / FILE).write_text("{")
    async with aclosing(FolderPeers(tmp_path / "two").hear(lambda: other, _every)) as second:
        assert list(await anext(second)) == [("other", "other")]
        found = await _hear(FolderPeers(tmp_path / "one"), own, lambda found: len(found) == 2)
        assert found["other", "other"] == other
        assert not (tmp_path / "one" / FILE).exists()
        os.utime(tmp_path / "two" / FILE, (1, 1))
        found = await _hear(FolderPeers(tmp_path / "one"), own, lambda _: True)
        assert list(found) == [("abc", FINGERPRINT)]
    assert not (tmp_path / "two" / FILE).exists()


class Told:
    """Peers that are told what to hear."""

    source = "told"

    def __init__(self, *found: NodeRecord) -> None:
        self._found = {(each.id, each.fingerprint): each for each in found}

    async def hear(self, own: Callable[[], NodeRecord], is_wanted: Wanted) -> AsyncGenerator[Found]:
        """Yield once and wait."""
        found = self._found | {("own", "own"): own()}
        yield {key: each for key, each in found.items() if is_wanted(each)}
        await asyncio.Event().wait()


@pytest.fixture
async def machine(
    new_machine: Callable[[], Machine], generated: Generated, node_key: bytes
) -> Machine:
    """A configured machine with a name and an address."""
    machine = new_machine()
    machine.key, machine.key_digest = node_key, spki_digest(node_key)
    machine.activate(parse_configuration(generated.controlplane.encode()))
    name = {"hostname": "here", "domainname": ""}
    machine.store.put(kind.HOSTNAME_STATUS, "hostname", name, owner="test")
    addresses = {"addresses": ["10.0.0.9/24"], "sortAlgorithm": "v1"}
    machine.store.put(kind.NODE_ADDRESS, "current", addresses, owner="test")
    return machine


async def test_members_are_those_who_prove_it(machine: Machine) -> None:
    """And this node, which comes first where two have one name."""
    assert machine.active
    secret = machine.active.view.cluster_secret
    there = record(name="there", addresses=(ip_address("10.0.0.8"),))
    member = replace(there, membership=prove(secret, there))
    twin = record(name="here", id="twin", fingerprint=base64.b64encode(bytes(32)).decode())
    twin = replace(twin, membership=prove(secret, twin))
    stranger = record(name="stranger", id="s", fingerprint="AAAA", membership="x" * 43)
    peers = PeerController(machine, Told(member, stranger, twin))
    await ClusterController(machine).reconcile()
    await NodenameController(machine).reconcile()
    await peers.reconcile()
    try:
        await asyncio.sleep(0.01)
        raw = machine.store.select(kind.AFFILIATE.type, RAW)
        assert sorted(each.spec["hostname"] for each in raw) == ["here", "there"]
        await MemberController(machine).reconcile()
    finally:
        await peers.close()
    members = {each.id: each.spec for each in machine.store.of_kind(kind.MEMBER)}
    assert members["here"]["addresses"] == ["10.0.0.9"]
    assert members["here"]["controlPlane"] == {"port": 6443}
    assert members["there"]["machineType"] == "worker"
    assert "controlPlane" not in members["there"]
    assert node_id(twin.fingerprint) in members
    assert len(members) == 3


async def test_the_secret_stays_in_sensitive_kinds(machine: Machine) -> None:
    """What is announced proves it and does not tell it."""
    assert machine.active
    secret = machine.active.view.cluster_secret
    await ClusterController(machine).reconcile()
    told = repr(own_record(machine)) + "".join(
        str(each.spec)
        for known in kind.KINDS.values()
        if not known.sensitive
        for each in machine.store.of_kind(known)
    )
    assert secret
    assert secret not in told
    assert own_record(machine).membership
