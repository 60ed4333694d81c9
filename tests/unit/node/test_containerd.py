# SPDX-License-Identifier: Apache-2.0
"""What names of images mean, which containerd a call is for, and what figures of groups say."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from hypothesis import given
from hypothesis import strategies as st

from edge.api import common_pb2
from edge.api.containerd import (
    cgroup1_pb2,
    cgroup2_pb2,
    container_pb2,
    image_pb2,
    process_pb2,
    type_pb2,
)
from edge.errors import ConfigError, NodeError
from edge.node.containerd.client import Containerd, MissingError, connect
from edge.node.containerd.container import Row, Usage, find, list_containers, read_usage
from edge.node.containerd.image import full_reference, pinned
from edge.node.containerd.place import (
    KUBERNETES_NAMESPACE,
    Place,
    container_place,
    image_place,
)
from edge.node.containerd.sockets import BOARD_SOCKETS, Sockets, lab_sockets

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
SOCKETS = Sockets(system=Path("/s"), cri=Path("/c"))


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3", "docker.io/library/alpine:3"),
        ("edge/tool", "docker.io/edge/tool:latest"),
        ("localhost/tool", "localhost/tool:latest"),
        ("ghcr.io/edge/tool:v1.2-rc", "ghcr.io/edge/tool:v1.2-rc"),
        ("127.0.0.1:5000/tool", "127.0.0.1:5000/tool:latest"),
        ("[::1]:5000/tool:1", "[::1]:5000/tool:1"),
        (f"ghcr.io/tool@{DIGEST}", f"ghcr.io/tool@{DIGEST}"),
        (f"ghcr.io/tool:1@{DIGEST}", f"ghcr.io/tool@{DIGEST}"),
    ],
)
def test_references_are_made_full(text: str, full: str) -> None:
    """Host, repository and tag are added where people leave them out; a full one stays."""
    assert full_reference(text) == full
    assert full_reference(full) == full


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-x",
        "--plain-http",
        "a b",
        "Tool",
        "edge/Tool",
        "tool:",
        "tool@sha256:12",
        "../etc",
        "/tool",
        "ghcr.io/",
        "tool:1:2",
        "x" * 600,
        "tool\n",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    """Nothing else gets as far as a command line."""
    with pytest.raises(ConfigError, match=r"is no image|no capitals"):
        full_reference(text)


@given(st.text(alphabet="ab.-_/:@[]A1\n ", max_size=40))
def test_full_references_are_fit_for_a_command_line(text: str) -> None:
    """Whatever is taken is no option, holds no blank and stays as it is."""
    try:
        full = full_reference(text)
    except ConfigError:
        return
    assert not full.startswith("-")
    assert not set(full) & set(" \n")
    assert full_reference(full) == full


def test_a_pinned_reference_has_the_digest_for_its_tag() -> None:
    """Pinning keeps host, port and repository."""
    assert pinned("127.0.0.1:5000/tool:1", DIGEST) == f"127.0.0.1:5000/tool@{DIGEST}"
    assert pinned(f"ghcr.io/tool@{DIGEST}", "sha256:1") == f"ghcr.io/tool@{DIGEST}"


def test_containers_of_the_system_are_apart_from_those_of_kubernetes() -> None:
    """Only the namespace `system` is that of the system's containerd."""
    system = container_place(SOCKETS, "system", common_pb2.CONTAINERD)
    assert system == Place(socket=SOCKETS.system, namespace="system")
    pods = container_place(SOCKETS, KUBERNETES_NAMESPACE, common_pb2.CRI)
    assert pods == Place(socket=SOCKETS.cri, namespace="k8s.io", pods=True)
    other = container_place(SOCKETS, "taloscontainers", common_pb2.CONTAINERD)
    assert other == Place(socket=SOCKETS.cri, namespace="taloscontainers")


@pytest.mark.parametrize(
    ("namespace", "driver"),
    [("", common_pb2.CONTAINERD), ("", common_pb2.CRI), ("system", common_pb2.CRI), ("system", 7)],
)
def test_namespace_and_driver_have_to_go_together(namespace: str, driver: int) -> None:
    """An empty namespace, an unknown driver and the wrong pair are the caller's fault."""
    with pytest.raises(ConfigError):
        container_place(SOCKETS, namespace, driver)


def test_images_have_three_stores() -> None:
    """Images of the system are beside those of Kubernetes, but for those in memory."""
    system, cri = common_pb2.NS_SYSTEM, common_pb2.NS_CRI
    places = [
        image_place(SOCKETS, common_pb2.ContainerdInstance(driver=driver, namespace=namespace))
        for driver, namespace in (
            (common_pb2.CRI, cri),
            (common_pb2.CRI, system),
            (common_pb2.CONTAINERD, system),
        )
    ]
    assert [(str(each.socket), each.namespace) for each in places] == [
        ("/c", "k8s.io"),
        ("/c", "system"),
        ("/s", "system"),
    ]
    with pytest.raises(ConfigError, match="empty"):
        image_place(SOCKETS, common_pb2.ContainerdInstance(driver=common_pb2.CRI))


def test_a_board_has_them_where_clients_expect_them() -> None:
    """The sockets' paths are those that tools on a board know."""
    assert str(BOARD_SOCKETS.cri) == "/run/containerd/containerd.sock"
    assert str(BOARD_SOCKETS.system) == "/system/run/containerd/containerd.sock"


async def test_a_node_without_containerd_says_so(tmp_path: Path) -> None:
    """A file in its place, nothing there and a dangling link are all no containerd."""
    socket = lab_sockets(tmp_path).cri
    socket.parent.mkdir()
    for prepare in (Path.touch, Path.unlink, _link_nowhere):
        prepare(socket)
        with pytest.raises(NodeError, match="containerd does not run on this node"):
            async with connect(Place(socket=socket, namespace="system")):
                pass


def test_figures_of_both_versions_of_control_groups_are_read() -> None:
    """Memory is without what can be had back; processor time is in nanoseconds."""
    one = cgroup1_pb2.Metrics()
    one.cpu.usage.total = 7_000
    one.memory.usage.usage = 1000
    one.memory.total_inactive_file = 400
    assert read_usage(_metric(one)) == Usage(memory_bytes=600, cpu_ns=7_000)
    two = cgroup2_pb2.Metrics()
    two.cpu.usage_usec = 7
    two.memory.usage = 1000
    two.memory.inactive_file = 2000
    assert read_usage(_metric(two)) == Usage(memory_bytes=0, cpu_ns=7_000)


def test_figures_that_nobody_understands_are_left_out() -> None:
    """Another runtime's figures, and damaged ones, are as good as none."""
    assert read_usage(None) is None
    assert read_usage(type_pb2.Metric(data=AnyMessage(type_url="x/other.Metrics"))) is None
    broken = AnyMessage(type_url="io.containerd.cgroups.v1.Metrics", value=b"\xff")
    assert read_usage(type_pb2.Metric(data=broken)) is None


def test_a_container_is_found_by_any_of_its_names() -> None:
    """The one that runs is meant, not the one before it that ended."""
    ended, runs = _row("aaa", running=False), _row("bbb", running=True)
    for name in ("default/web:app:bbb", "bbb-full", "default/web:app"):
        assert find([ended, runs], name) is runs
    with pytest.raises(NodeError, match="does not run: it is CONTAINER_EXITED"):
        find([ended, runs], "default/web:app:aaa")
    with pytest.raises(MissingError, match="'web' was not found"):
        find([ended, runs], "web")


async def test_pods_share_networks_and_images_have_names() -> None:
    """An image that is named after its digest is shown by its name, a network by its last part."""
    spec = {"linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/ns/n1"}]}}
    rows = await list_containers(
        Known(
            _labelled("aaa", {"io.cri-containerd.kind": "sandbox"}, spec),
            _labelled("bbb", {"io.kubernetes.container.name": "app"}, {"linux": None}),
        ),
        pods=True,
    )
    assert [(row.id, row.image, row.network_namespace) for row in rows] == [
        ("shop/web", "example.org/tool:1", "n1"),
        ("shop/web:app:bbb", "example.org/tool:1", ""),
    ]
    assert [row.uid for row in rows] == ["u-1", "u-1"]


async def test_what_never_ran_is_shown_in_pods_only() -> None:
    """A container without a process has exited for Kubernetes; containerd itself leaves it out."""
    known = Known(_labelled("idle", {"io.kubernetes.container.name": "app"}, {}))
    (row,) = await list_containers(known, pods=True)
    assert (row.status, row.pid, row.running) == ("CONTAINER_EXITED", 0, False)
    assert await list_containers(known, pods=False) == []


class Known(Containerd):
    """A containerd with these containers, of which all but `idle` run."""

    def __init__(self, *containers: container_pb2.Container) -> None:
        self._known = containers

    async def containers(self) -> Sequence[container_pb2.Container]:
        """Return what there is."""
        return self._known

    async def processes(self) -> dict[str, process_pb2.Process]:
        """Return a process for each that runs."""
        running = [each.id for each in self._known if each.id != "idle"]
        return {
            each: process_pb2.Process(id=each, pid=7, status=process_pb2.RUNNING)
            for each in running
        }

    async def images(self) -> Sequence[image_pb2.Image]:
        """Return one image under two names."""
        target = type_pb2.Descriptor(digest=DIGEST)
        names = ("sha256:c0ffee", "example.org/tool:1")
        return [image_pb2.Image(name=name, target=target) for name in names]


def _labelled(name: str, labels: dict[str, str], spec: object) -> container_pb2.Container:
    pod = {
        "io.kubernetes.pod.name": "web",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": "u-1",
    }
    document = AnyMessage(type_url="spec", value=json.dumps(spec).encode())
    return container_pb2.Container(
        id=name, labels={**pod, **labels}, image="sha256:c0ffee", spec=document
    )


def _link_nowhere(socket: Path) -> None:
    socket.symlink_to(socket.parent / "gone")


def _metric(message: cgroup1_pb2.Metrics | cgroup2_pb2.Metrics) -> type_pb2.Metric:
    data = AnyMessage(type_url=message.DESCRIPTOR.full_name, value=message.SerializeToString())
    return type_pb2.Metric(id="x", data=data)


def _row(short: str, *, running: bool) -> Row:
    return Row(
        id=f"default/web:app:{short}",
        internal_id=f"{short}-full",
        name="app",
        pod="default/web",
        image="x",
        status="CONTAINER_RUNNING" if running else "CONTAINER_EXITED",
        running=running,
    )
