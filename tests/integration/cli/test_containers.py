# SPDX-License-Identifier: Apache-2.0
"""Containers and images of lab nodes on command lines, with a real containerd beside one node."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import containerd, registry
from tests.fakes.containerd import RealContainerd
from tests.fakes.oci import OciImage, make_image

from .conftest import Cluster, edgectl, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containerd needs root")

IMAGE = "example.org/edge/tool:1"
_SLEEP = ("/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done")
_POD = {
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
    "io.cri-containerd.kind": "sandbox",
}


@pytest.fixture(scope="module")
def tool() -> OciImage:
    """Give an image with a shell."""
    return make_image([{"bin/sh": Path("/usr/bin/busybox").read_bytes()}])


@pytest.fixture(scope="module")
def daemon(cluster: Cluster) -> Iterator[RealContainerd]:
    """Give a containerd that the first node asks; the other node has none."""
    with containerd.running() as daemon:
        folder = cluster.nodes[0].folder / "containerd"
        folder.mkdir()
        for name in ("system.sock", "cri.sock"):
            (folder / name).symlink_to(daemon.socket)
        yield daemon
    assert containerd.left_behind(daemon.folder) == []


@pytest.fixture(scope="module")
def archive(tool: OciImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the image as a file."""
    path = tmp_path_factory.mktemp("image") / "tool.tar"
    path.write_bytes(tool.archive(IMAGE))
    return path


def test_images_come_and_go(
    cluster: Cluster, daemon: RealContainerd, archive: Path, tool: OciImage
) -> None:
    """An archive is imported, listed in the namespace it went to, and removed by name."""
    node = ("-n", cluster.first)
    done = edgectl("image", "import", str(archive), *node, "--namespace", "system")
    assert (done.code, done.rows()) == (0, [["NODE", "IMAGE"], [cluster.first, IMAGE]])
    (listed,) = edgectl("image", "ls", *node, "--namespace", "system").rows()[1:]
    assert listed[:3] == [cluster.first, IMAGE, tool.digest]
    assert len(edgectl("images", "list", *node).rows()) == 1
    assert edgectl("image", "remove", IMAGE).code == 2, "it is not done to all nodes by default"
    assert edgectl("image", "remove", IMAGE, *node, "--namespace", "system").code == 0
    done = edgectl("image", "remove", IMAGE, *node, "--namespace", "system")
    assert done.code != 0
    assert f'image "{IMAGE}": not found' in done.err


def test_a_pull_tells_layers_and_the_name_for_good(
    cluster: Cluster, daemon: RealContainerd, tool: OciImage
) -> None:
    """What happens goes to stderr, and the pinned name to stdout."""
    with registry.serving() as hub:
        name = hub.add("edge/tool:1", tool)
        done = edgectl("image", "pull", name, "-n", cluster.first, "-o", "json")
    assert done.code == 0, done.err
    pinned = f"{hub.address}/edge/tool@{tool.digest}"
    assert json.loads(done.out) == [{"node": cluster.first, "image": pinned}]
    assert "extract complete" in done.err or "already exists" in done.err
    (listed,) = json.loads(edgectl("image", "list", "-n", cluster.first, "-o", "json").out)
    assert (listed["image"], listed["size_bytes"]) == (name, tool.size_bytes)


def test_containers_are_listed_measured_and_told_to_end(
    cluster: Cluster, daemon: RealContainerd, archive: Path
) -> None:
    """With -k those of Kubernetes, without it the system's."""
    node = ("-n", cluster.first)
    for namespace in ("system", "k8s.io"):
        daemon.ctr(namespace, "images", "import", str(archive))
    daemon.run("system", IMAGE, "etcd", _SLEEP)
    daemon.run("k8s.io", IMAGE, "a" * 64, _SLEEP, _POD)
    daemon.run(
        *("k8s.io", IMAGE, "b" * 64, _SLEEP),
        _POD | {"io.cri-containerd.kind": "container", "io.kubernetes.container.name": "app"},
    )
    (row,) = edgectl("c", *node).rows()[1:]
    assert [*row[:4], row[5]] == [cluster.first, "system", "etcd", IMAGE, "RUNNING"]
    done = edgectl("containers", "-k", *node)
    assert "k8s.io      shop/web-0 " in done.out
    assert "└─ shop/web-0:app:bbbbbbbbbbbb" in done.out
    (used,) = json.loads(edgectl("stats", *node, "-o", "json").out)
    assert used["id"] == "etcd"
    assert used["memory_bytes"] > 0
    assert "└─ shop/web-0:app:bbbbbbbbbbbb" in edgectl("stats", "--kubernetes", *node).out
    assert edgectl("restart", "etcd", *node).code == 0
    until(lambda: "STOPPED" in edgectl("containers", *node).out)
    assert "'nobody' was not found" in edgectl("restart", "nobody", "-k", *node).err


def test_a_node_without_containerd_does_not_spoil_the_rest(
    cluster: Cluster, daemon: RealContainerd
) -> None:
    """Rows of the one that has it are printed; the other's error is named and counts."""
    started = time.monotonic()
    done = edgectl("containers")
    assert done.code != 0
    assert {row[0] for row in done.rows()[1:]} <= {cluster.first}
    assert f"{cluster.nodes[1].address}: containerd does not run on this node" in done.err
    assert time.monotonic() - started < 30


def test_what_is_no_archive_is_not_sent(cluster: Cluster) -> None:
    """A file that is not there is a mistake of the command line."""
    done = edgectl("image", "import", "/nowhere.tar", "-n", cluster.first)
    assert done.code == 2
