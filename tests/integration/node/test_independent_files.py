# SPDX-License-Identifier: Apache-2.0
"""Files, numbers and packets through the independent client, and every other method it has."""

import gc
import gzip
import inspect
import io
import socket
import struct
import tarfile
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import pytest_asyncio
from grpclib.const import Status
from grpclib.exceptions import GRPCError

pytestmark = [
    # It is generated code of its time, which the interpreter and its own library complain about.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # Nor does its library close connections whose other end does not end TLS first.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
talos = pytest.importorskip("talos_linux_api.v1_6_0.machine", reason="a development dependency")

from talos_linux_api.v1_6_0 import cluster, storage  # noqa: E402
from talos_linux_api.v1_6_0 import inspect as inspecting  # noqa: E402
from talos_linux_api.v1_6_0 import time as clock  # noqa: E402

from edge.client.trust import Mutual  # noqa: E402
from edge.pki.certificate import issue_client  # noqa: E402
from edge.pki.role import Role  # noqa: E402
from edge.provision.lab import LabNode  # noqa: E402
from edge.provision.restart import read_boot_id  # noqa: E402
from tests.integration.node.conftest import Bench, patiently  # noqa: E402
from tests.integration.node.independent import empty, mutual, opened  # noqa: E402

_ENDING = {"reboot", "reset", "shutdown", "rollback", "upgrade", "bootstrap"}
_SENDS_STREAM = {"etcd_recover"}
# What its version had and later ones do not, and this node never did.
_GONE = {"etcd_remove_member", "generate_configuration"}
_HONEST = (Status.UNIMPLEMENTED, Status.FAILED_PRECONDITION)


@pytest.fixture(scope="module", autouse=True)
def _swept() -> Iterator[None]:
    """Collect what the library left open, which would else be held against a later test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest_asyncio.fixture(loop_scope="function")
async def node(bench: Bench) -> LabNode:
    """A configured node with a small tree among its files."""
    node = bench.start("files", enrolment=False)
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, bench.generate(node).controlplane)
    _fill(node.folder / "tree")
    async with bench.administrator(node):
        return node


def _fill(tree: Path) -> None:
    (tree / "folder").mkdir(parents=True, exist_ok=True)
    (tree / "folder/file").write_bytes(b"content")
    if not (tree / "link").is_symlink():
        (tree / "link").symlink_to("folder/file")
        (tree / "out").symlink_to("/etc/passwd")


@pytest_asyncio.fixture(loop_scope="function")
async def channel(bench: Bench, node: LabNode, tmp_path: Path) -> AsyncIterator[Any]:
    async with opened(node, mutual(bench.mutual(node), tmp_path)) as channel:
        yield channel


@pytest.fixture
def machine(channel: Any) -> Any:
    return talos.MachineServiceStub(channel)


async def test_files_are_listed(machine: Any) -> None:
    """With modes, sizes and where links lead."""
    request = talos.ListRequest(root="/tree", recurse=True)
    found = {info.relative_name: info async for info in machine.list(request)}
    assert list(found) == [".", "folder", "folder/file", "link", "out"]
    assert found["folder"].is_dir
    assert found["folder/file"].size == 7
    assert found["folder/file"].name == "/tree/folder/file"
    assert found["link"].link == "folder/file"
    assert found["link"].mode >> 27 == 1


async def test_files_are_measured(machine: Any) -> None:
    """Folders after what is in them."""
    request = talos.DiskUsageRequest(paths=["/tree"], all=True)
    found = [info async for info in machine.disk_usage(request)]
    assert [info.relative_name for info in found] == ["folder/file", "folder", "link", "out", "."]
    assert found[0].size == 7


async def test_files_are_copied(machine: Any) -> None:
    """As an archive of the tree, links as links."""
    parts = [part async for part in machine.copy(talos.CopyRequest(root_path="/tree"))]
    content = gzip.decompress(b"".join(part.bytes for part in parts))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames() == ["folder", "folder/file", "link", "out"]
        assert archive.getmember("out").linkname == "/etc/passwd"


async def test_files_are_read(machine: Any) -> None:
    """By a link as well; what the host has there is not."""
    parts = [part async for part in machine.read(talos.ReadRequest(path="/tree/link"))]
    assert b"".join(part.bytes for part in parts) == b"content"
    for path in ("/tree/out", "/etc/passwd", "/../../../../../../etc/passwd", "/proc/1/environ"):
        with pytest.raises(GRPCError) as caught:
            [part async for part in machine.read(talos.ReadRequest(path=path))]
        assert caught.value.status is Status.NOT_FOUND
    for path, word in (("/disk.img", "rights"), ("/tree", "regular")):
        with pytest.raises(GRPCError, match=word):
            [part async for part in machine.read(talos.ReadRequest(path=path))]


async def test_a_reader_sees_no_secrets(bench: Bench, node: LabNode, tmp_path: Path) -> None:
    """Files are listed and measured for everybody, the configuration's folder is closed."""
    pair = issue_client(bench.secrets.os, [Role.READER], now=datetime.now(UTC))
    trust = Mutual(ca=bench.mutual(node).ca, crt=pair.certificate, key=pair.key)
    async with opened(node, mutual(trust, tmp_path)) as channel:
        machine = talos.MachineServiceStub(channel)
        found = [info async for info in machine.list(talos.ListRequest(root="/", recurse=True))]
        names = [info.relative_name for info in found if not info.error]
        assert "tree/folder/file" in names
        assert [name for name in names if name.startswith("state")] == ["state"]
        for call, request in (
            (machine.read, talos.ReadRequest(path="/tree/link")),
            (machine.copy, talos.CopyRequest(root_path="/tree")),
        ):
            with pytest.raises(GRPCError) as caught:
                await anext(call(request))
            assert caught.value.status is Status.PERMISSION_DENIED


async def test_sockets(machine: Any, node: LabNode) -> None:
    """The node's own, with the process that has them."""
    request = talos.NetstatRequest(
        filter=talos.NetstatRequestFilter.LISTENING,
        feature=talos.NetstatRequestFeature(pid=True),
        l4_proto=talos.NetstatRequestL4Proto(tcp=True, tcp6=True),
        netns=talos.NetstatRequestNetNs(hostnetwork=True),
    )
    records = (await machine.netstat(request)).messages[0].connectrecord
    ends = {(record.localip, record.localport) for record in records}
    assert (node.address, 50000) in ends
    assert {record.process.name for record in records} != {""}
    assert all(record.state == talos.ConnectRecordState.LISTEN for record in records)


async def test_mounts_and_processes(machine: Any, node: LabNode) -> None:
    """Those of the lab node alone."""
    mounts = (await machine.mounts(empty())).messages[0].stats
    assert {mount.mounted_on for mount in mounts} == {"/state", "/ephemeral"}
    processes = (await machine.processes(empty())).messages[0].processes
    assert node.pid in {process.pid for process in processes}
    assert all(str(node.folder) in process.args for process in processes)
    assert all("python" in process.executable for process in processes)


async def test_numbers(machine: Any) -> None:
    """Each decodes, and says something of this machine."""
    assert (await machine.memory(empty())).messages[0].meminfo.memtotal > 0
    assert (await machine.cpu_info(empty())).messages[0].cpu_info
    assert (await machine.system_stat(empty())).messages[0].boot_time > 0
    assert (await machine.load_avg(empty())).messages[0].load1 >= 0
    links = (await machine.network_device_stats(empty())).messages[0].devices
    assert [link.name for link in links] == ["lo"]
    assert (await machine.disk_stats(empty())).messages[0].devices == []


async def test_disks(channel: Any) -> None:
    """The one it has, which is the system's."""
    disks = (await storage.StorageServiceStub(channel).disks(empty())).messages[0].disks
    assert [(disk.system_disk, disk.readonly) for disk in disks] == [(True, False)]
    assert disks[0].size > 0


async def test_packets(machine: Any, node: LabNode) -> None:
    """A file that a program of another language reads."""
    program = [
        talos.BpfInstruction(op=0x30, k=23),
        talos.BpfInstruction(op=0x15, jt=0, jf=1, k=17),
        talos.BpfInstruction(op=0x6, k=0x40000),
        talos.BpfInstruction(op=0x6, k=0),
    ]
    request = talos.PacketCaptureRequest(interface="lo", snap_len=100, bpf_filter=program)
    parts = machine.packet_capture(request)
    head = (await anext(parts)).bytes
    assert struct.unpack("<IHHiIII", head) == (0xA1B2C3D4, 2, 4, 0, 0, 100, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"for the node" * 20, (node.address, 9))
    record = (await anext(parts)).bytes
    _seconds, _micros, size, length = struct.unpack_from("<IIII", record)
    assert (size, length) == (100, 42 + 240)
    assert record[16 + 42 :].startswith(b"for the node")
    await parts.aclose()


def _requests(method: Any) -> list[Any]:
    """Return the request that a stub's method takes, with nothing in it, if it takes one."""
    hints = get_type_hints(method, localns={"Deadline": object, "MetadataLike": object})
    parameters = inspect.signature(method).parameters.values()
    taken = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    # A message without fields need not be given.
    return [(get_args(hints[name]) or (hints[name],))[0]() for name in taken]


async def test_every_method_that_it_has(channel: Any) -> None:
    """Is answered with what it can decode, or with a status and a sentence."""
    stubs = [
        (talos.MachineServiceStub, channel),
        (storage.StorageServiceStub, channel),
        (clock.TimeServiceStub, channel),
        (cluster.ClusterServiceStub, channel),
        (inspecting.InspectServiceStub, channel),
    ]
    faults = {}
    for stub, through in stubs:
        for name, method in inspect.getmembers(stub(through), inspect.ismethod):
            if name.startswith("_") or name in _ENDING | _SENDS_STREAM:
                continue
            if fault := await _fault(name, method):
                faults[f"{stub.__name__}.{name}"] = fault
    assert not faults


async def _fault(name: str, method: Any) -> str:
    try:
        begun = method(*_requests(method), timeout=30)
        if hasattr(begun, "__anext__"):
            try:
                await anext(begun)
            finally:
                await begun.aclose()
        else:
            await begun
    except (StopAsyncIteration, TimeoutError):
        # A stream of nothing, or a follower that has nothing to say.
        return ""
    except NameError:
        # Its generator made no working code for some messages without a name of their own.
        return ""
    except GRPCError as error:
        if name in _GONE and error.status is Status.UNIMPLEMENTED:
            return ""
        # The requests are empty, which not every method can take.
        refused = error.status in (Status.INVALID_ARGUMENT, Status.NOT_FOUND)
        is_sentence = len(str(error.message).split()) >= 3
        return "" if is_sentence and (refused or error.status in _HONEST) else str(error)
    return ""


async def test_it_ends_the_machine(bench: Bench, node: LabNode, tmp_path: Path) -> None:
    """A restart, a reset of one volume and a power-off are done, each with its actor."""
    wiped = talos.ResetPartitionSpec(label="EPHEMERAL", wipe=True)
    reset = talos.ResetRequest(reboot=True, system_partitions_to_wipe=[wiped])
    for name, request in (("reboot", talos.RebootRequest()), ("reset", reset)):
        before = await _boot_id(bench, node)
        async with opened(node, mutual(bench.mutual(node), tmp_path)) as channel:
            answer = await getattr(talos.MachineServiceStub(channel), name)(request)
        assert answer.messages[0].actor_id

        async def restarted(before: str = before) -> None:
            assert await _boot_id(bench, node) != before

        await patiently(restarted)
    async with opened(node, mutual(bench.mutual(node), tmp_path)) as channel:
        await talos.MachineServiceStub(channel).shutdown(talos.ShutdownRequest())

    async def off() -> None:
        assert bench.lab.node(node.name).pid is None

    await patiently(off)


async def _boot_id(bench: Bench, node: LabNode) -> str:
    async with bench.administrator(node) as client:
        return await read_boot_id(client)
