# SPDX-License-Identifier: Apache-2.0
"""Reading from one node and from many: tables, documents, logs, and dead nodes among them."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import yaml

from .conftest import ROOT, Cluster, edgectl, following

DEAD = "127.42.255.1"


@pytest.fixture
def silent() -> Iterator[str]:
    """Give an address where somebody listens and never answers."""
    with socket.create_server(("127.42.255.2", 50000)):
        yield "127.42.255.2"


def test_nodes_of_the_context_are_the_default(cluster: Cluster) -> None:
    """Without -n the nodes of the client configuration are asked, each in rows of its own."""
    done = edgectl("services")
    assert done.code == 0
    assert done.out.startswith("NODE")
    assert {row[0] for row in done.rows()[1:]} == {node.address for node in cluster.nodes}


def test_options_work_before_and_after_the_command(cluster: Cluster) -> None:
    """Persistent options add up wherever they stand."""
    first, second = (node.address for node in cluster.nodes)
    done = edgectl("-n", first, "get", "hostname", "--nodes", second)
    assert [row[0] for row in done.rows()[1:]] == [first, second]


def test_documents_can_be_parsed(cluster: Cluster) -> None:
    """YAML and JSON hold the same, with the node in front."""
    args = ("get", "machinestatus", "machine", "-n", cluster.first)
    from_yaml = yaml.safe_load(edgectl(*args, "-o", "yaml").out)
    from_json = json.loads(edgectl(*args, "-o", "json").out)
    assert list(from_yaml) == ["node", "metadata", "spec"]
    assert from_yaml["spec"] == from_json["spec"]
    assert from_json["node"] == cluster.first
    assert from_json["spec"]["stage"] == "running"


def test_kinds_can_be_listed_and_mistyped(cluster: Cluster) -> None:
    """Get alone lists the kinds, as `get rd` does; an unknown one is met with similar names."""
    node = ("-n", cluster.first)
    assert edgectl("get", *node).out == edgectl("get", "rd", *node).out
    done = edgectl("get", "adresses", *node)
    assert done.code == 9
    assert "similar: addresses" in done.err


def test_one_service_with_its_events(cluster: Cluster) -> None:
    """Services ID tells what happened; an unknown one is met with the known ones."""
    done = edgectl("services", "apid", "-n", cluster.first)
    assert "ID       apid" in done.out
    assert "EVENTS   [Running]" in done.out
    done = edgectl("services", "kubelet", "-n", cluster.first)
    assert (done.code, done.out) == (9, "")
    assert "apid, machined" in done.err


def test_logs(cluster: Cluster) -> None:
    """Logs alone lists them; lines of several nodes say where they come from."""
    first, second = (node.address for node in cluster.nodes)
    assert [first, "machined"] in edgectl("logs").rows()
    everything = edgectl("logs", "machined", "-n", first).out.splitlines()
    assert (
        edgectl("logs", "machined", "--tail", "2", "-n", first).out.splitlines()
        == (everything[-2:])
    )
    prefixes = {row[0] for row in edgectl("logs", "machined", "--tail", "1").rows()}
    assert prefixes == {f"{first}:", f"{second}:"}
    assert "machined started" in edgectl("dmesg", "-n", first).out


def test_followed_log_ends_with_ctrl_c(cluster: Cluster) -> None:
    """A followed log goes on until ctrl-C, which is code 130 and no traceback."""
    with following("dmesg", "--follow", "-n", cluster.first) as dmesg:
        dmesg.wait_for(lambda line: "running" in line)
        code, err = dmesg.interrupt()
    assert code == 130
    assert "Traceback" not in err


def test_closed_pipe_is_quiet(cluster: Cluster) -> None:
    """A reader that goes away early is no error to talk about."""
    command = f"{sys.executable} -m edge get rd -n {cluster.first} | head -n 1"
    done = subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("NODE")
    assert done.stderr == ""


def test_dead_node_does_not_hide_the_others(cluster: Cluster, silent: str) -> None:
    """Rows of the living, a line for each dead one, a failing exit code, and no long wait."""
    started = time.monotonic()
    first, second = (node.address for node in cluster.nodes)
    done = edgectl("get", "hostname", "-n", f"{DEAD},{first}", "-n", silent, "-n", second)
    assert done.code == 9
    assert [row[0] for row in done.rows()[1:]] == [first, second]
    assert f"{DEAD} cannot be reached: connection refused" in done.err
    assert silent in done.err
    assert time.monotonic() - started < 30


def test_endpoint_is_asked_to_forward(cluster: Cluster) -> None:
    """With -e the endpoint is dialled and told which node is meant."""
    first, second = (node.address for node in cluster.nodes)
    assert edgectl("version", "-e", first, "-n", first).code == 0
    assert edgectl("version", "-e", first, "-n", second).code == 0
    done = edgectl("version", "-e", second, "-n", first)
    assert done.code == 8
    assert "no request forwarding" in done.err
    assert "is a worker" in done.err


def test_events_are_shown(cluster: Cluster) -> None:
    """Events of the past come first when they are asked for."""
    with following("events", "--tail", "-1", "-o", "jsonl", "-n", cluster.first) as events:
        line = events.wait_for(lambda line: "MachineStatusEvent" in line)
        assert json.loads(line)["node"] == cluster.first
        assert events.interrupt()[0] == 130


def test_client_configuration_tells_who_one_is(cluster: Cluster) -> None:
    """Config info shows role and nodes; contexts can be merged from a file."""
    facts = json.loads(edgectl("config", "info", "-o", "json").out)
    assert facts["roles"] == ["os:admin"]
    assert facts["nodes"] == [node.address for node in cluster.nodes]
