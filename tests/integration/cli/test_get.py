# SPDX-License-Identifier: Apache-2.0
"""`get` of several resources and of missing ones, and the graph of who reads and writes them."""

import re
import shutil
import subprocess

import pytest

from edge.node.control.catalogue import CONTROLLERS

from .conftest import Cluster, edgectl, following, until


def test_several_ids(cluster: Cluster) -> None:
    """In the order in which they were asked for."""
    done = edgectl("get", "services", "machined", "apid", "-n", cluster.first)
    assert [row[3] for row in done.rows()[1:]] == ["machined", "apid"]


def test_an_unknown_id_is_one_line_and_a_hint(cluster: Cluster) -> None:
    """The hint names those there are, or says that there are none."""
    done = edgectl("get", "services", "nope", "-n", cluster.first)
    assert (done.code, done.out) == (9, "")
    first, hint = done.err.splitlines()
    assert first == f"edgectl: {cluster.first} has no 'nope' among Services in namespace runtime"
    assert hint.startswith("  hint: Services: apid, machined")
    done = edgectl("get", "etcdmembers", "local", "-n", cluster.first)
    assert "there are no EtcdMembers at all" in done.err


def test_a_word_for_several_kinds_names_them(cluster: Cluster) -> None:
    """As upstream's abbreviations do."""
    done = edgectl("get", "ls", "-n", cluster.first)
    assert done.code == 9
    assert "LinkSpecs.net.talos.dev, LinkStatuses.net.talos.dev" in done.err


def test_another_namespace(cluster: Cluster) -> None:
    """What others said of themselves is not in the namespace of the kind."""
    args = ("get", "affiliates", "-n", cluster.first, "--namespace", "cluster-raw")
    until(lambda: len(edgectl(*args).rows()) == 2)
    assert edgectl(*args).rows()[1][3].startswith("lab/")
    done = edgectl("get", "members", "-n", cluster.first, "--namespace", "elsewhere")
    assert 'namespace "elsewhere" is not supported' in done.err


def test_paths_with_filters(cluster: Cluster) -> None:
    """As kubectl writes them."""
    path = "jsonpath={.spec.printColumns[?(@.name=='Link State')].jsonPath}"
    args = ("get", "rd", "linkstatuses.net.talos.dev", "-n", cluster.first, "-o", path)
    assert edgectl(*args).out == "{.linkState}\n"


def test_the_first_contact_reads_without_a_certificate(fresh: str) -> None:
    """What is not secret, and nothing else."""
    assert edgectl("get", "disks", "--insecure", "-n", fresh).rows()[1][3] == "disk.img"
    done = edgectl("get", "machineconfig", "-i", "-n", fresh)
    assert done.code != 0
    assert "not authorized" in done.err


def test_changes_of_some_are_watched(cluster: Cluster) -> None:
    """Those of others are not told."""
    node = ("-n", cluster.first)
    edgectl("meta", "write", "0x0c", "before", *node)
    with following("get", "meta", "0x0c", "0x0d", "--watch", *node) as running:
        running.wait_for(lambda line: "before" in line)
        edgectl("meta", "write", "0x0e", "other", *node)
        edgectl("meta", "write", "0x0d", "after", *node)
        line = running.wait_for(lambda line: "after" in line)
        assert line.split()[1] == "+"
        assert not [seen for seen in running.seen if "other" in seen]


def test_the_graph_has_every_controller(cluster: Cluster) -> None:
    """Boxes for controllers, notes for kinds, an arrow for every declared edge."""
    done = edgectl("inspect", "dependencies", "-n", cluster.first)
    boxes = set(re.findall(r'^  "(\S+)" \[shape="box"\];$', done.out, re.MULTILINE))
    edges = {(c.name, k.type) for c in CONTROLLERS for k in c.outputs}
    assert {controller for controller, _ in edges} <= boxes
    drawn = set(re.findall(r'^  "(\S+)" -> "(\S+)"', done.out, re.MULTILINE))
    assert edges <= drawn
    inputs = {(k.type, c.name) for c in CONTROLLERS for k in c.inputs}
    assert inputs <= drawn


def test_the_graph_with_resources(cluster: Cluster) -> None:
    """Every resource hangs at whoever owns it; graphviz, where it is, understands the text."""
    done = edgectl("inspect", "dependencies", "--with-resources", "-n", cluster.first)
    assert '"runtime.APIController" -> "secrets/CertSANs.secrets.talos.dev/api"' in done.out
    if dot := shutil.which("dot"):
        subprocess.run([dot, "-Tsvg", "-o/dev/null"], input=done.out, text=True, check=True)


@pytest.mark.usefixtures("cluster")
def test_the_graph_is_of_one_node() -> None:
    """Two would be drawn over each other."""
    assert edgectl("inspect", "dependencies").code == 2
