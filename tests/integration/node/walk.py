# SPDX-License-Identifier: Apache-2.0
"""What a client would send to every method, and what is wrong with an answer."""

from pathlib import Path

import grpc
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
from tests.integration.node.wire import METHODS, Outcome

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
OUTCOMES = Path(__file__).parents[2] / "golden/api/outcomes.txt"
"""What a node answers, so that none that works begins to say that it does not."""
_HONEST = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.FAILED_PRECONDITION)
# Upstream's policy, and in its words: resources are for controllers to write.
_READ_ONLY = (grpc.StatusCode.PERMISSION_DENIED, "write access is not allowed")
_WORDS = 5


def request_of(path: str, text: str) -> Message:
    """Return what a client that means it sends; `text` is a configuration."""
    if path.endswith("/ApplyConfiguration"):
        return machine_pb2.ApplyConfigurationRequest(
            data=text.encode(), mode=machine_pb2.ApplyConfigurationRequest.AUTO, dry_run=True
        )
    made = REQUESTS.get(path.removeprefix("/"))
    return made if made is not None else GetMessageClass(METHODS[path].input_type)()


def fault(path: str, outcome: Outcome) -> str:
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
