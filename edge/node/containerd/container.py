# SPDX-License-Identifier: Apache-2.0
"""Containers as the API shows them: what they are called, how they are, what they use.

A container of Kubernetes is called `namespace/pod:container`, and its sandbox `namespace/pod`; the
labels that the CRI plugin gives say which is which. All other containers have but their id.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from google.protobuf.message import DecodeError

from edge.api.containerd import (
    cgroup1_pb2,
    cgroup2_pb2,
    container_pb2,
    image_pb2,
    process_pb2,
    type_pb2,
)
from edge.errors import NodeError
from edge.node.containerd.client import Containerd, MissingError

_POD = "io.kubernetes.pod.name"
_POD_NAMESPACE = "io.kubernetes.pod.namespace"
_POD_UID = "io.kubernetes.pod.uid"
_NAME = "io.kubernetes.container.name"
_KIND = "io.cri-containerd.kind"
_SHORT_ID = 12
_NS_PER_US = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One container; `pid` is nought when nothing of it runs."""

    id: str
    """What people call it."""
    internal_id: str
    name: str
    pod: str
    image: str
    status: str
    pid: int = 0
    uid: str = ""
    network_namespace: str = ""
    running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a container uses: bytes of memory, nanoseconds of processor time."""

    memory_bytes: int
    cpu_ns: int


async def list_containers(containerd: Containerd, *, pods: bool) -> list[Row]:
    """Return the containers; with `pods` in the words of Kubernetes' container interface."""
    containers = await containerd.containers()
    processes = await containerd.processes()
    names = _image_names(await containerd.images())
    describe = _describe_pod if pods else _describe
    rows = (describe(each, processes.get(each.id), names) for each in containers)
    return sorted((row for row in rows if row), key=lambda row: row.id)


async def measure(containerd: Containerd, *, pods: bool) -> list[tuple[Row, Usage]]:
    """Return what the containers use that run."""
    metrics = await containerd.metrics()
    return [
        (row, usage)
        for row in await list_containers(containerd, pods=pods)
        # The group of one that ended may still be there.
        if row.running and (usage := read_usage(metrics.get(row.internal_id)))
    ]


def find(rows: Iterable[Row], wanted: str) -> Row:
    """Return the container that is called `wanted`, the one that runs before its predecessors.

    Raises:
        MissingError: when there is none.
        NodeError: when it does not run.
    """
    found = [row for row in rows if wanted in _names(row)]
    if not found:
        raise MissingError(f"container {wanted!r} was not found")
    running = [row for row in found if row.running]
    if not running:
        raise NodeError(f"container {wanted!r} does not run: it is {found[0].status}")
    return running[0]


def read_usage(metric: type_pb2.Metric | None) -> Usage | None:
    """Return what a container uses, whichever version of control groups its host has.

    Memory is what could not be had back at once: files that can be read again do not count.
    """
    if metric is None:
        return None
    kind = metric.data.type_url.rpartition("/")[2]
    try:
        if kind == cgroup1_pb2.Metrics.DESCRIPTOR.full_name:
            one = cgroup1_pb2.Metrics.FromString(metric.data.value)
            used = one.memory.usage.usage - one.memory.total_inactive_file
            return Usage(memory_bytes=max(used, 0), cpu_ns=one.cpu.usage.total)
        if kind == cgroup2_pb2.Metrics.DESCRIPTOR.full_name:
            two = cgroup2_pb2.Metrics.FromString(metric.data.value)
            used = two.memory.usage - two.memory.inactive_file
            return Usage(memory_bytes=max(used, 0), cpu_ns=two.cpu.usage_usec * _NS_PER_US)
    except DecodeError:
        return None
    return None


def _names(row: Row) -> tuple[str, ...]:
    return (row.id, row.internal_id, f"{row.pod}:{row.name}")


def _describe(
    container: container_pb2.Container,
    process: process_pb2.Process | None,
    names: Mapping[str, str],
) -> Row | None:
    """Describe a container as containerd knows it; one that never ran is left out."""
    if process is None:
        return None
    labels = container.labels
    pod = f"{labels.get(_POD_NAMESPACE, '')}/{labels[_POD]}" if _POD in labels else container.id
    name = labels.get(_NAME, "")
    return Row(
        id=f"{pod}:{name}" if name else pod,
        internal_id=container.id,
        name=name or container.id,
        pod=pod,
        image=names.get(container.image, container.image),
        status=process_pb2.Status.Name(process.status),
        pid=process.pid,
        running=process.status == process_pb2.RUNNING,
    )


def _describe_pod(
    container: container_pb2.Container,
    process: process_pb2.Process | None,
    names: Mapping[str, str],
) -> Row | None:
    """Describe a container of Kubernetes; a sandbox that ended is left out."""
    labels = container.labels
    running = process is not None and process.status == process_pb2.RUNNING
    kind = labels.get(_KIND, "container" if _NAME in labels else "")
    sandbox = kind == "sandbox"
    if not kind or _POD not in labels or (sandbox and not running):
        return None
    pod = f"{labels.get(_POD_NAMESPACE, '')}/{labels[_POD]}"
    name = pod if sandbox else labels.get(_NAME, container.id)
    return Row(
        id=pod if sandbox else f"{pod}:{name}:{container.id[:_SHORT_ID]}",
        internal_id=container.id,
        uid=labels.get(_POD_UID, ""),
        name=name,
        pod=pod,
        image=names.get(container.image, container.image),
        status="SANDBOX_READY" if sandbox else _pod_status(process),
        pid=process.pid if process else 0,
        network_namespace=_network_namespace(container),
        running=running,
    )


def _pod_status(process: process_pb2.Process | None) -> str:
    if process is None or process.status == process_pb2.STOPPED:
        return "CONTAINER_EXITED"
    if process.status == process_pb2.CREATED:
        return "CONTAINER_CREATED"
    if process.status == process_pb2.UNKNOWN:
        return "CONTAINER_UNKNOWN"
    return "CONTAINER_RUNNING"


def _network_namespace(container: container_pb2.Container) -> str:
    """Return the last part of the path of a container's network namespace, if it shares one."""
    try:
        listed = json.loads(container.spec.value)["linux"]["namespaces"]
        paths = [each["path"] for each in listed if each["type"] == "network" and "path" in each]
        return PurePosixPath(paths[0]).name if paths else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _image_names(images: Sequence[image_pb2.Image]) -> dict[str, str]:
    """Return what people call the images that are named after their digest."""
    spoken = {each.target.digest: each.name for each in images if not _is_digest(each.name)}
    return {
        each.name: spoken[each.target.digest]
        for each in images
        if _is_digest(each.name) and each.target.digest in spoken
    }


def _is_digest(name: str) -> bool:
    return name.startswith("sha256:")
