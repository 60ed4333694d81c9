# SPDX-License-Identifier: Apache-2.0
"""Containers and images of a lab node that has a real containerd beside it."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge.api import common_pb2, machine_pb2, machine_pb2_grpc
from edge.client.client import NodeClient
from edge.client.container import ContainerStatus, ImagePulled, ImageStore, LayerProgress
from edge.errors import ConfigError, NodeError
from edge.provision.lab import LabNode
from tests.fakes import containerd, registry
from tests.fakes.containerd import RealContainerd
from tests.fakes.oci import OciImage, make_image
from tests.fakes.registry import Registry

from .conftest import Bench, patiently

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containerd needs root")

TOOL = "example.org/edge/tool:1"
_SLEEP = ("/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done")
_POD = {
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": "5a5a",
}
_SANDBOX = _POD | {"io.cri-containerd.kind": "sandbox"}
_APP = _POD | {"io.cri-containerd.kind": "container", "io.kubernetes.container.name": "app"}
SANDBOX_ID, APP_ID, OLD_ID = "a" * 64, "b" * 64, "c" * 64


@dataclass(frozen=True, slots=True)
class Harbour:
    """A configured node, the containerd beside it, and an image for containers."""

    bench: Bench
    node: LabNode
    daemon: RealContainerd
    image: OciImage

    @asynccontextmanager
    async def client(self) -> AsyncIterator[NodeClient]:
        """Connect as administrator."""
        async with self.bench.administrator(self.node) as client:
            yield client


@pytest.fixture(scope="module")
def daemon() -> Iterator[RealContainerd]:
    """Give a containerd, and see that nothing of it is left afterwards."""
    with containerd.running() as daemon:
        yield daemon
    assert containerd.left_behind(daemon.folder) == []


@pytest.fixture(scope="module")
def harbour(
    bench: Bench, daemon: RealContainerd, tmp_path_factory: pytest.TempPathFactory
) -> Harbour:
    """Give a configured node whose folder points at the containerd."""
    node = bench.start("one")
    asyncio.run(bench.apply(node, bench.generate(node).controlplane))
    for name in ("system.sock", "cri.sock"):
        (node.folder / "containerd").mkdir(exist_ok=True)
        (node.folder / "containerd" / name).symlink_to(daemon.socket)
    image = make_image([{"bin/sh": _busybox()}])
    archive = tmp_path_factory.mktemp("image") / "tool.tar"
    archive.write_bytes(image.archive(TOOL))
    for namespace in ("system", "k8s.io"):
        daemon.ctr(namespace, "images", "import", str(archive))
    return Harbour(bench, node, daemon, image)


@pytest.fixture
def pods(harbour: Harbour) -> Iterator[RealContainerd]:
    """Give a pod with a container, the one before it that ended, and a container without pod."""
    daemon = harbour.daemon
    daemon.run("k8s.io", TOOL, SANDBOX_ID, _SLEEP, _SANDBOX)
    daemon.run("k8s.io", TOOL, APP_ID, _SLEEP, _APP)
    daemon.run("k8s.io", TOOL, OLD_ID, ("/bin/sh", "-c", "exit 1"), _APP)
    daemon.run("k8s.io", TOOL, "lone", _SLEEP)
    try:
        yield daemon
    finally:
        daemon.clear("k8s.io")


@pytest.fixture
def system(harbour: Harbour) -> Iterator[RealContainerd]:
    """Give a container of the system's."""
    harbour.daemon.run("system", TOOL, "etcd", _SLEEP)
    try:
        yield harbour.daemon
    finally:
        harbour.daemon.clear("system")


@pytest.fixture
def hub() -> Iterator[Registry]:
    """Give an empty registry on loopback."""
    with registry.serving() as hub:
        yield hub


async def test_a_node_without_containerd_refuses(bench: Bench) -> None:
    """Every call fails with the same sentence, and none of them pretends to be empty."""
    node = bench.start("bare")
    await bench.apply(node, bench.generate(node).controlplane)
    async with bench.administrator(node) as client:
        calls: tuple[Callable[[], object], ...] = (
            client.containers,
            client.container_usage,
            lambda: client.restart_container("x"),
            client.images,
            lambda: _pull(client, "example.org/x:1"),
            lambda: client.import_image(_chunks(b"x")),
            lambda: client.remove_image("x"),
        )
        for call in calls:
            with pytest.raises(NodeError, match="containerd does not run on this node"):
                await call()  # type: ignore[misc]


async def test_containers_of_the_system(harbour: Harbour, system: RealContainerd) -> None:
    """They are shown by their ids, and those of Kubernetes are not among them."""
    async with harbour.client() as client:
        (found,) = await client.containers()
        assert await client.containers(kubernetes=True) == []
    assert (found.id, found.pod, found.name) == ("etcd", "etcd", "etcd")
    assert (found.namespace, found.image, found.status) == ("system", TOOL, "RUNNING")

    async def runs_the_shell() -> None:
        assert os.readlink(f"/proc/{found.pid}/exe") == "/bin/sh"  # noqa: PTH115 - of procfs

    await patiently(runs_the_shell)  # it is "running" a moment before it is executed


async def test_containers_of_kubernetes(harbour: Harbour, pods: RealContainerd) -> None:
    """They are called after pods, with a short id; one that ended stays, the lone one is none."""
    async with harbour.client() as client:
        found = await _settled(client)
    assert [(each.id, each.status) for each in found] == [
        ("shop/web-0", "SANDBOX_READY"),
        ("shop/web-0:app:bbbbbbbbbbbb", "CONTAINER_RUNNING"),
        ("shop/web-0:app:cccccccccccc", "CONTAINER_EXITED"),
    ]
    assert [each.internal_id for each in found] == [SANDBOX_ID, APP_ID, OLD_ID]
    assert [each.name for each in found] == ["shop/web-0", "app", "app"]
    assert {each.pod for each in found} == {"shop/web-0"}


async def test_containerd_has_its_own_words_for_pods(
    harbour: Harbour, pods: RealContainerd
) -> None:
    """The driver CONTAINERD shows everything of the namespace, without short ids."""
    async with harbour.client() as client:
        request = machine_pb2.ContainersRequest(namespace="k8s.io", driver=common_pb2.CONTAINERD)
        answer = await client._machine.Containers(request)
    ids = [each.id for each in answer.messages[0].containers]
    assert ids == ["lone", "shop/web-0", "shop/web-0:app", "shop/web-0:app"]


async def test_no_namespace_is_the_callers_fault(harbour: Harbour) -> None:
    """An empty namespace is not taken for all of them."""
    async with harbour.client() as client:
        for name, kind in (("Containers", "ContainersRequest"), ("Stats", "StatsRequest")):
            with pytest.raises(ConfigError, match="namespace can't be empty"):
                await client._call(getattr(client._machine, name), getattr(machine_pb2, kind)())
        with pytest.raises(ConfigError, match="namespace can't be empty"):
            await client._call(client._machine.ImagePull, machine_pb2.ImagePullRequest())


async def test_what_containers_use(harbour: Harbour, pods: RealContainerd) -> None:
    """Figures come from the control groups of those that run."""
    async with harbour.client() as client:
        await _settled(client)
        found = await client.container_usage(kubernetes=True)
    assert [each.id for each in found] == ["shop/web-0", "shop/web-0:app:bbbbbbbbbbbb"]
    for each in found:
        assert 0 < each.memory_bytes < 100_000_000
        assert 0 < each.cpu_ns < 60e9


async def test_a_container_is_told_to_end(harbour: Harbour, pods: RealContainerd) -> None:
    """It gets SIGTERM and nothing else; then there is none of that name that runs."""
    name = "shop/web-0:app:bbbbbbbbbbbb"
    async with harbour.client() as client:
        await client.restart_container(name, kubernetes=True)

        async def ended() -> None:
            found = {each.id: each.status for each in await client.containers(kubernetes=True)}
            assert found[name] == "CONTAINER_EXITED"

        await patiently(ended)
        assert pods.ctr("k8s.io", "tasks", "rm", APP_ID) == ""
        with pytest.raises(NodeError, match="does not run: it is CONTAINER_EXITED"):
            await client.restart_container(name, kubernetes=True)
        with pytest.raises(NodeError, match="container 'nobody' was not found"):
            await client.restart_container("nobody")


async def test_a_pull_tells_how_far_it_is(harbour: Harbour, hub: Registry) -> None:
    """Bytes are told while they come, then the extraction, then the name with its digest."""
    image = make_image([{"bin/sh": _busybox()}, {"noise": os.urandom(8_000_000)}])
    name = hub.add("edge/app:2", image)
    gate = hub.hold(image.layers[1])
    steps: list[LayerProgress | ImagePulled] = []
    async with harbour.client() as client:
        async for step in client.pull_image(name):
            steps.append(step)
            if _is_half_way(step, image.layers[1]):
                gate.set()
    assert steps[-1] == ImagePulled(image=f"{hub.address}/edge/app@{image.digest}")
    told = [each for each in steps if isinstance(each, LayerProgress)]
    noise = [each for each in told if each.layer == image.layers[1]]
    states = list(dict.fromkeys(each.state for each in noise))
    assert states == ["downloading", "download complete", "extracting", "extract complete"]
    assert {each.total for each in noise if each.offset} == {len(image.blobs[image.layers[1]])}
    # The lower layer was imported and unpacked before.
    lower = [each.state for each in told if each.layer == image.layers[0]]
    assert lower == ["already exists"]


async def test_what_is_there_is_not_asked_for_again(harbour: Harbour, hub: Registry) -> None:
    """A second pull ends at once, even out of reach of the registry."""
    image = make_image([{"bin/sh": _busybox()}, {"version": b"3"}])
    name = hub.add("edge/app:3", image)
    async with harbour.client() as client:
        await _pull(client, name)
        asked = len(hub.asked)
        hub.images.clear()
        assert await _pull(client, name) == [
            ImagePulled(image=f"{hub.address}/edge/app@{image.digest}")
        ]
    assert len(hub.asked) == asked


async def test_pulls_that_cannot_be(harbour: Harbour, hub: Registry) -> None:
    """What is no reference, what is not there and a silent registry are told apart."""
    async with harbour.client() as client:
        with pytest.raises(ConfigError, match="'--help' is no image"):
            await _pull(client, "--help")
        with pytest.raises(NodeError, match="edge/app:9: not found"):
            await _pull(client, f"{hub.address}/edge/app:9")
        with pytest.raises(NodeError, match="connection refused"):
            await _pull(client, "127.0.0.1:1/edge/app:1")


async def test_a_pull_that_nobody_waits_for_ends(harbour: Harbour, hub: Registry) -> None:
    """When the client goes, so does the process that worked for it."""
    image = make_image([{"noise": os.urandom(4_000_000)}])
    name = hub.add("edge/app:4", image)
    hub.hold(image.layers[0])
    async with harbour.client() as client:
        steps = client.pull_image(name)
        async for step in steps:
            assert isinstance(step, LayerProgress)
            break
        assert _programs(harbour.daemon)
        await steps.aclose()

    async def gone() -> None:
        assert not _programs(harbour.daemon)

    await patiently(gone)


async def test_a_containerd_that_dies_takes_its_pulls_along(
    harbour: Harbour, hub: Registry
) -> None:
    """The client is told, the process that pulled goes, and the node works on."""
    image = make_image([{"noise": os.urandom(4_000_000)}])
    name = hub.add("edge/app:7", image)
    hub.hold(image.layers[0])
    link = harbour.node.folder / "containerd/cri.sock"
    with containerd.running() as another, _pointing(link, another.socket):
        async with harbour.client() as client:
            with pytest.raises(NodeError, match=r"containerd does not run|cannot be pulled"):
                await _during_pull(client, name, another.process.kill)
            with pytest.raises(NodeError, match="containerd does not run"):
                await client.images()
        assert not _programs(another)
    async with harbour.client() as client:
        assert await client.images()


async def test_an_import_without_an_end_is_given_up_with_its_client(harbour: Harbour) -> None:
    """A client that stops sending and goes leaves no process behind."""
    never = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"\0" * 512
        await never.wait()

    async with harbour.client() as client:
        sending = asyncio.create_task(client.import_image(chunks()))

        async def begun() -> None:
            assert _programs(harbour.daemon)

        await patiently(begun)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    async def gone() -> None:
        assert not _programs(harbour.daemon)

    await patiently(gone)


async def test_calls_leave_nothing_open(harbour: Harbour, hub: Registry) -> None:
    """However many calls there were, at once and given up, the node holds no more files."""
    image = make_image([{"noise": os.urandom(2_000_000)}])
    hub.hold(image.layers[0])
    names = [hub.add(f"edge/left:{number}", image) for number in range(6)]
    async with harbour.client() as client:
        await asyncio.gather(*(client.images() for _ in range(20)))
        before = _open_files(harbour.node)
        await asyncio.gather(*(client.images() for _ in range(60)))
        await asyncio.gather(*(client.containers() for _ in range(60)))
        await asyncio.gather(*(_begin_pull(client, name) for name in names[:4]))

        async def settled() -> None:
            assert not _programs(harbour.daemon)
            assert _open_files(harbour.node) <= before + 2

        await patiently(settled)


async def test_stores_are_apart(harbour: Harbour, hub: Registry) -> None:
    """An image is in the store it was pulled into, with the size of what is for this machine."""
    image = make_image([{"bin/sh": _busybox()}, {"version": b"5"}])
    name = hub.add("edge/app:5", image)
    async with harbour.client() as client:
        await _pull(client, name, ImageStore.SYSTEM)
        system = {each.image: each for each in await client.images(ImageStore.SYSTEM)}
        assert name not in {each.image for each in await client.images()}
    assert system[name].digest == image.digest
    assert system[name].size_bytes == image.size_bytes
    assert system[name].created.year >= 2024


async def test_archives_are_imported(harbour: Harbour) -> None:
    """The image has the archive's name for it and can be run and removed."""
    image = make_image([{"bin/sh": _busybox()}, {"noise": os.urandom(3_000_000)}])
    name = "example.org/edge/imported:1"
    async with harbour.client() as client:
        assert await client.import_image(_chunks(image.archive(name))) == name
        harbour.daemon.run("k8s.io", name, "imported", ("/bin/sh", "-c", "exit 0"))
        harbour.daemon.clear("k8s.io")
        await client.remove_image(name)
        assert name not in {each.image for each in await client.images()}
        with pytest.raises(NodeError, match="not found"):
            await client.remove_image(name)


@pytest.mark.parametrize(
    "data", [b"", b"no archive" * 1000, b"\0" * 10240], ids=("nothing", "text", "noughts")
)
async def test_what_is_no_archive_is_not_imported(harbour: Harbour, data: bytes) -> None:
    """Whatever else is sent, the call ends with what was wrong with it."""
    async with harbour.client() as client:
        with pytest.raises(NodeError, match="the archive cannot be imported"):
            await client.import_image(_chunks(data))
    assert not _programs(harbour.daemon)


async def test_an_import_begins_with_where_to(harbour: Harbour) -> None:
    """Chunks for nobody, and messages without a chunk, are the caller's fault."""
    chunk = machine_pb2.ImageServiceImportRequest(image_chunk=common_pb2.Data(bytes=b"x"))
    instance = common_pb2.ContainerdInstance(driver=common_pb2.CRI, namespace=common_pb2.NS_CRI)
    begin = machine_pb2.ImageServiceImportRequest(containerd=instance)
    async with harbour.client() as client:
        for messages, fault in (
            ([], "the first message"),
            ([chunk], "the first message"),
            ([begin, chunk, begin], "holds no part"),
        ):
            with pytest.raises(ConfigError, match=fault):
                await client._call(_service(client).Import, iter(messages))


async def test_older_clients_list_and_pull(harbour: Harbour, hub: Registry) -> None:
    """The two calls from before there was a service work on the same images."""
    image = make_image([{"bin/sh": _busybox()}, {"version": b"6"}])
    name = hub.add("edge/app:6", image)
    async with harbour.client() as client:
        pull = machine_pb2.ImagePullRequest(namespace=common_pb2.NS_CRI, reference=name)
        answer = await client._call(client._machine.ImagePull, pull)
        assert len(answer.messages) == 1
        listing = machine_pb2.ImageListRequest(namespace=common_pb2.NS_CRI)
        listed = [each async for each in client._stream(client._machine.ImageList, listing)]
    (found,) = [each for each in listed if each.name == name]
    assert (found.digest, found.size) == (image.digest, image.size_bytes)


async def test_signatures_are_not_verified(harbour: Harbour) -> None:
    """The call that would vouch for an image says that it cannot."""
    async with harbour.client() as client:
        with pytest.raises(NodeError, match="does not verify the signatures of images"):
            await client._call(_service(client).Verify, machine_pb2.ImageServiceVerifyRequest())


@contextmanager
def _pointing(link: Path, socket: Path) -> Iterator[None]:
    """Have a link point somewhere else for a while."""
    usual = link.readlink()
    link.unlink()
    link.symlink_to(socket)
    try:
        yield
    finally:
        link.unlink()
        link.symlink_to(usual)


async def _during_pull(client: NodeClient, name: str, action: Callable[[], object]) -> None:
    async for _ in client.pull_image(name):
        action()


async def _begin_pull(client: NodeClient, name: str) -> None:
    """Pull until something comes, and lose interest."""
    async with aclosing(client.pull_image(name)) as steps:
        async for _ in steps:
            return


def _open_files(node: LabNode) -> int:
    """Count the open files of all processes of a lab node."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True
    )
    pids = [line.split()[0] for line in listed.stdout.splitlines() if str(node.folder) in line]
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)  # noqa: PTH208 - of procfs


def _busybox() -> bytes:
    return Path("/usr/bin/busybox").read_bytes()


def _service(client: NodeClient) -> Any:
    return client._stub(machine_pb2_grpc.ImageServiceStub)


def _is_half_way(step: LayerProgress | ImagePulled, layer: str) -> bool:
    return isinstance(step, LayerProgress) and step.layer == layer and 0 < step.offset < step.total


def _programs(daemon: RealContainerd) -> list[str]:
    """Return the command lines of every `ctr` that works with this containerd."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if f"--address={daemon.socket}" in line]


async def _pull(
    client: NodeClient, name: str, store: ImageStore = ImageStore.CRI
) -> list[LayerProgress | ImagePulled]:
    return [each async for each in client.pull_image(name, store)]


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65536):
        yield data[start : start + 65536]


async def _settled(client: NodeClient) -> list[ContainerStatus]:
    """Return the containers of Kubernetes once the one that ends has ended."""

    async def ask() -> list[ContainerStatus]:
        found = await client.containers(kubernetes=True)
        assert found[-1].status == "CONTAINER_EXITED"
        return found

    return await patiently(ask)
