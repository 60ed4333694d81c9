# SPDX-License-Identifier: Apache-2.0
"""Client certificates that nodes issue: for whom, for how long, and by which nodes."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.client.client import NodeClient, connect
from edge.client.trust import Mutual
from edge.config.talosconfig import parse_talosconfig
from edge.errors import ConfigError, EdgeError, NodeError, TrustError
from edge.pki.certificate import inspect, is_issued_by
from edge.pki.key import key_algorithm
from edge.pki.role import Role
from edge.provision.lab import LabNode
from tests.integration.node.conftest import Bench


async def _leader(bench: Bench) -> LabNode:
    node = bench.start("one")
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, bench.generate(node).controlplane)
    return node


async def test_a_reader_is_issued_and_may_read(bench: Bench) -> None:
    """The file names role and cluster, and its certificate opens what the role says."""
    node = await _leader(bench)
    async with bench.administrator(node) as client:
        issued = await client.issue_client([Role.READER], lifetime=timedelta(hours=5))
    config = parse_talosconfig(issued.talosconfig)
    assert config.current == "os:reader@bench"
    context = config.context()
    assert (context.ca, context.crt, context.key) == (issued.ca, issued.crt, issued.key)
    assert (context.endpoints, context.nodes) == ((), ())
    facts = inspect(issued.crt)
    assert (facts.organizations, facts.usages) == (("os:reader",), ("client_auth",))
    assert abs(facts.not_after - datetime.now(UTC) - timedelta(hours=5)) < timedelta(minutes=1)
    assert is_issued_by(issued.crt, bench.secrets.os.certificate)
    assert key_algorithm(issued.key) == "p256"
    async with connect(node.address, Mutual(ca=issued.ca, crt=issued.crt, key=issued.key)) as own:
        await own.version()
        with pytest.raises(TrustError, match="not authorized"):
            await own.issue_client([Role.ADMIN], lifetime=timedelta(hours=5))


async def test_several_roles_are_named_after_the_cluster(bench: Bench) -> None:
    """Both are in one certificate."""
    async with bench.administrator(await _leader(bench)) as client:
        roles = [Role.ETCD_BACKUP, Role.READER]
        issued = await client.issue_client(roles, lifetime=timedelta(days=365))
    assert parse_talosconfig(issued.talosconfig).current == "bench"
    assert inspect(issued.crt).organizations == ("os:etcd:backup", "os:reader")


@pytest.mark.parametrize(
    ("roles", "lifetime", "said"),
    [
        ([Role.READER], timedelta(0), "greater than zero"),
        ([Role.READER], timedelta(seconds=-5), "greater than zero"),
        ([Role.READER], timedelta(days=36500), "longer than the authority"),
        ([Role.READER], timedelta(days=365 * 2000), "longer than the authority"),
        (["os:emperor"], timedelta(hours=1), "os:emperor: no such role"),
        ([], timedelta(hours=1), "no role is named"),
    ],
)
async def test_what_cannot_be_had_is_said(
    bench: Bench, roles: list[str], lifetime: timedelta, said: str
) -> None:
    """And nothing is issued."""
    async with bench.administrator(await _leader(bench)) as client:
        with pytest.raises(ConfigError, match=said):
            await client.issue_client(roles, lifetime=lifetime)


async def test_a_worker_issues_nothing(bench: Bench) -> None:
    """It does not have the authority's key."""
    leader = await _leader(bench)
    node = bench.start("two")
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, bench.generate(leader).worker)
    async with bench.administrator(node) as client:
        with pytest.raises(NodeError, match="only a control plane") as refusal:
            await _ask(client)
    assert isinstance(refusal.value, EdgeError)


async def _ask(client: NodeClient) -> None:
    await client.issue_client([Role.READER], lifetime=timedelta(hours=1))
