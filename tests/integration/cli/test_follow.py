# SPDX-License-Identifier: Apache-2.0
"""Followers of a node whose power is cut, and names of nodes where addresses would do."""

import pytest

from .conftest import Cluster, edgectl, following


@pytest.fixture
def worker(cluster: Cluster) -> str:
    """Give the worker's address."""
    return cluster.nodes[1].address


def test_events_go_on_after_a_power_cut(cluster: Cluster, worker: str) -> None:
    """Whoever watches events sees the next boot without starting again, and ctrl-C ends it."""
    name = cluster.nodes[1].name
    with following("events", "-n", worker, "--tail", "-1") as events:
        events.wait_for(lambda line: "stage=RUNNING" in line and "ready" in line)
        cluster.lab.cut_power(name)
        cluster.lab.start(name)
        events.wait_for(lambda line: "stage=BOOTING" in line)
        code, err = events.interrupt()
    assert code == 130
    lines = [line for line in err.splitlines() if line]
    assert lines == [f"edgectl: {worker} went away; waiting for it", "edgectl: stopped"]


def test_watch_goes_on_after_a_power_cut(cluster: Cluster, worker: str) -> None:
    """Only what became different is told."""
    name = cluster.nodes[1].name
    with following("get", "machinestatus", "-w", "-n", worker) as watch:
        watch.wait_for(lambda line: "+" in line)
        cluster.lab.cut_power(name)
        cluster.lab.start(name)
        watch.wait_for(lambda line: "running" in line and "+" not in line)
        assert watch.interrupt()[0] == 130


def test_followed_log_ends_with_its_node(cluster: Cluster, worker: str) -> None:
    """There is no place in a log to go on from, so it says in one line that the node went."""
    name = cluster.nodes[1].name
    with following("logs", "-f", "machined", "-n", worker) as logs:
        logs.wait_for(bool)
        cluster.lab.cut_power(name)
        _, err = logs.process.communicate(timeout=60)
    cluster.lab.start(name)
    assert logs.process.returncode == 9
    assert err == f"edgectl: {worker} went away\n"


def test_names_from_the_inventory_are_shown(cluster: Cluster) -> None:
    """Rows have the name that was typed; a dead node is named in its error."""
    assert edgectl("inventory", "add", "gate", cluster.first, "-l", "site=berlin").code == 0
    assert edgectl("inventory", "add", "shed", "127.42.255.1", "-l", "site=berlin").code == 0
    done = edgectl("get", "hostname", "-n", "site=berlin")
    assert [row[0] for row in done.rows()] == ["NODE", "gate"]
    assert done.code == 9
    assert "edgectl: shed: 127.42.255.1 cannot be reached: connection refused" in done.err
    assert edgectl("inventory", "remove", "gate", "shed").code == 0
