# SPDX-License-Identifier: Apache-2.0
"""Every method of every service of a real lab node works, or says in a sentence why it does not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from edge.api import (
    cluster_pb2,
    common_pb2,
    machine_pb2,
    resource_pb2,
    storage_pb2,
    time_pb2,
)
from edge.provision.lab import LabNode
from tests.integration.node.conftest import Bench, patiently
from tests.integration.node.wire import METHODS, Outcome, call, connected

_STATUS = {
    "namespace": "runtime",
    "type": "MachineStatuses.runtime.talos.dev",
    "id": "machine",
}
_SERVICE = {"id": "mdns"}
_CONTAINERS = {"namespace": "system"}
_IMAGES = common_pb2.ContainerdInstance(namespace=common_pb2.NS_SYSTEM)
_NEW = resource_pb2.Resource(
    metadata=resource_pb2.Metadata(
        namespace=_STATUS["namespace"], type=_STATUS["type"], id=_STATUS["id"]
    )
)
_REFERENCE = "registry.example/pause:1"

# What a client would send; nothing is what the others take.
REQUESTS: dict[str, Message] = {
    "cluster.ClusterService/HealthCheck": cluster_pb2.HealthCheckRequest(
        wait_timeout=Duration(seconds=1)
    ),
    "cosi.resource.State/Create": resource_pb2.CreateRequest(resource=_NEW),
    "cosi.resource.State/Update": resource_pb2.UpdateRequest(new_resource=_NEW),
    "machine.ImageService/List": machine_pb2.ImageServiceListRequest(containerd=_IMAGES),
    "machine.ImageService/Import": machine_pb2.ImageServiceImportRequest(containerd=_IMAGES),
    "machine.ImageService/Pull": machine_pb2.ImageServicePullRequest(
        containerd=_IMAGES, image_ref=_REFERENCE
    ),
    "machine.ImageService/Remove": machine_pb2.ImageServiceRemoveRequest(
        containerd=_IMAGES, image_ref=_REFERENCE
    ),
    "machine.MachineService/Containers": machine_pb2.ContainersRequest(**_CONTAINERS),
    "machine.MachineService/Copy": machine_pb2.CopyRequest(root_path="/state"),
    "machine.MachineService/DiskUsage": machine_pb2.DiskUsageRequest(paths=["/"]),
    "machine.MachineService/Events": machine_pb2.EventsRequest(tail_events=1),
    "machine.MachineService/GenerateClientConfiguration": (
        machine_pb2.GenerateClientConfigurationRequest(
            roles=["os:reader"], crt_ttl=Duration(seconds=3600)
        )
    ),
    "machine.MachineService/ImageList": machine_pb2.ImageListRequest(
        namespace=common_pb2.NS_SYSTEM
    ),
    "machine.MachineService/ImagePull": machine_pb2.ImagePullRequest(
        namespace=common_pb2.NS_SYSTEM, reference=_REFERENCE
    ),
    "machine.MachineService/List": machine_pb2.ListRequest(root="/"),
    "machine.MachineService/Logs": machine_pb2.LogsRequest(
        namespace="system", id="machined", tail_lines=-1
    ),
    "machine.MachineService/MetaWrite": machine_pb2.MetaWriteRequest(key=0x0C, value=b"x"),
    "machine.MachineService/MetaDelete": machine_pb2.MetaDeleteRequest(key=0x0C),
    "machine.MachineService/PacketCapture": machine_pb2.PacketCaptureRequest(interface="lo"),
    "machine.MachineService/Read": machine_pb2.ReadRequest(path="/console.log"),
    "machine.MachineService/Restart": machine_pb2.RestartRequest(id="x", **_CONTAINERS),
    "machine.MachineService/ServiceRestart": machine_pb2.ServiceRestartRequest(**_SERVICE),
    "machine.MachineService/ServiceStart": machine_pb2.ServiceStartRequest(**_SERVICE),
    "machine.MachineService/ServiceStop": machine_pb2.ServiceStopRequest(**_SERVICE),
    "machine.MachineService/Stats": machine_pb2.StatsRequest(**_CONTAINERS),
    "machine.StorageService/Statfs": machine_pb2.StorageServiceStatfsRequest(path="/"),
    "storage.StorageService/BlockDeviceWipe": storage_pb2.BlockDeviceWipeRequest(
        devices=[storage_pb2.BlockDeviceWipeDescriptor(device="disk.img")]
    ),
    "time.TimeService/TimeCheck": time_pb2.TimeRequest(server="127.0.0.1"),
    **{
        f"cosi.resource.State/{name}": getattr(resource_pb2, f"{name}Request")(**_STATUS)
        for name in ("Get", "Destroy", "Teardown", "TeardownAndDestroy")
    },
    **{
        f"cosi.resource.State/{name}": getattr(resource_pb2, f"{name}Request")(
            namespace=_STATUS["namespace"], type=_STATUS["type"]
        )
        for name in ("List", "Watch")
    },
}
ENDING = {f"/machine.MachineService/{name}" for name in ("Reboot", "Reset", "Shutdown")}
_MACHINE = "/machine.MachineService"
_HONEST = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.FAILED_PRECONDITION)
# Upstream's policy, and in its words: resources are for controllers to write.
_READ_ONLY = (grpc.StatusCode.PERMISSION_DENIED, "write access is not allowed")
_WORDS = 5
OUTCOMES = Path(__file__).parents[2] / "golden/api/outcomes.txt"
"""What a lab node answers, so that none that works begins to say that it does not."""


@pytest_asyncio.fixture(loop_scope="function")
async def node(bench: Bench) -> LabNode:
    """A node that is a cluster's control plane."""
    node = bench.start("walked", enrolment=False)
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, bench.generate(node).controlplane)
    async with bench.administrator(node):
        return node


@pytest_asyncio.fixture(loop_scope="function")
async def channel(bench: Bench, node: LabNode) -> AsyncIterator[Any]:
    async with connected(node, bench.mutual(node)) as channel:
        yield channel


def _request(path: str, text: str) -> Message:
    if path.endswith("/ApplyConfiguration"):
        return machine_pb2.ApplyConfigurationRequest(
            data=text.encode(), mode=machine_pb2.ApplyConfigurationRequest.AUTO, dry_run=True
        )
    made = REQUESTS.get(path.removeprefix("/"))
    return made if made is not None else GetMessageClass(METHODS[path].input_type)()


def _fault(path: str, outcome: Outcome) -> str:
    """Say what is wrong with an answer, or nothing."""
    if path.startswith("/cosi.") and (outcome.code, outcome.details) == _READ_ONLY:
        return ""
    if outcome.code in _HONEST:
        generic = outcome.details.endswith(path.removeprefix("/"))
        is_sentence = len(outcome.details.split()) >= _WORDS and not generic
        return "" if is_sentence else f"{outcome.code.name} without a reason: {outcome.details!r}"
    if outcome.code is not grpc.StatusCode.OK:
        return f"{outcome.code.name}: {outcome.details}"
    if not outcome.answers:
        return "an answer without a message"
    for answer in outcome.answers:
        messages = getattr(answer, "messages", None)
        if messages is None:
            continue
        if len(messages) != 1:
            return f"{len(messages)} entries in one node's answer"
        if messages[0].HasField("metadata"):
            return "an entry of this node's own that says which node it is of"
    return ""


def test_every_request_is_for_a_method_that_there_is() -> None:
    """A name that is misspelt would be walked past."""
    assert not {f"/{path}" for path in REQUESTS} - METHODS.keys()


async def test_every_method_works_or_says_why_not(
    bench: Bench, node: LabNode, channel: Any
) -> None:
    """With the request of a client that means it."""
    text = bench.generate(node).controlplane
    faults, outcomes = {}, []
    # Backwards: what is written is then deleted, what is stopped is then started.
    for path in sorted(METHODS.keys() - ENDING, reverse=True):
        outcome = await call(channel, path, _request(path, text))
        outcomes.append(f"{path.removeprefix('/')} {outcome.code.name}\n")
        if fault := _fault(path, outcome):
            faults[path] = fault
    assert not faults, "\n".join(f"{path}: {fault}" for path, fault in sorted(faults.items()))
    assert "".join(outcomes[::-1]) == OUTCOMES.read_text()


async def test_methods_that_end_the_machine(bench: Bench, node: LabNode) -> None:
    """They answer first, with the actor that their events will have; each is really done."""
    reset = machine_pb2.ResetRequest(
        reboot=True,
        system_partitions_to_wipe=[machine_pb2.ResetPartitionSpec(label="EPHEMERAL", wipe=True)],
    )
    for name, request in (("Reboot", machine_pb2.RebootRequest()), ("Reset", reset)):
        before = await _boot_id(bench, node)
        async with connected(node, bench.mutual(node)) as channel:
            outcome = await call(channel, f"{_MACHINE}/{name}", request)
        assert not _fault(name, outcome)
        assert outcome.answers[0].messages[0].actor_id

        async def restarted(before: str = before) -> None:
            assert await _boot_id(bench, node) != before

        await patiently(restarted)
    async with connected(node, bench.mutual(node)) as channel:
        outcome = await call(channel, f"{_MACHINE}/Shutdown", machine_pb2.ShutdownRequest())
    assert not _fault("Shutdown", outcome)

    async def off() -> None:
        assert bench.lab.node(node.name).pid is None

    await patiently(off)


async def _boot_id(bench: Bench, node: LabNode) -> str:
    request = machine_pb2.ReadRequest(path="/proc/sys/kernel/random/boot_id")

    async def read() -> str:
        async with connected(node, bench.mutual(node)) as channel:
            outcome = await call(channel, f"{_MACHINE}/Read", request)
        assert outcome.code is grpc.StatusCode.OK, outcome
        return bytes(outcome.answers[0].bytes).decode()

    return await asyncio.wait_for(patiently(read), 30)
