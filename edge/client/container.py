# SPDX-License-Identifier: Apache-2.0
"""Containers and images of a node."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import grpc

from edge.api import common_pb2, machine_pb2, machine_pb2_grpc
from edge.client.call import CALL_TIMEOUT_S, NodeCalls

TRANSFER_TIMEOUT_S = 3700.0
"""A little more than a node takes before it gives up."""


class ImageStore(StrEnum):
    """Where a node keeps images, in the user's words."""

    CRI = "cri"
    SYSTEM = "system"
    INMEM = "inmem"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStatus:
    """One container; the sandbox of a pod has the pod's name for its id."""

    namespace: str
    id: str
    internal_id: str
    pod: str
    name: str
    image: str
    pid: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage:
    """What one container uses: bytes, and nanoseconds of processor time since it began."""

    namespace: str
    id: str
    pod: str
    name: str
    memory_bytes: int
    cpu_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStatus:
    """One image; the size is that of what its node has of it."""

    image: str
    digest: str
    size_bytes: int
    created: datetime
    labels: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerProgress:
    """How far a layer is, in bytes; `state` is `downloading`, `extract complete` and the like."""

    layer: str
    state: str
    offset: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePulled:
    """The end of a pull: the image's name with its digest, where the node tells it."""

    image: str


class ContainerCalls(NodeCalls):
    """What containerd runs and keeps on the node."""

    async def containers(self, *, kubernetes: bool = False) -> list[ContainerStatus]:
        """Return the system's containers, or those of Kubernetes."""
        request = machine_pb2.ContainersRequest(**_namespace(kubernetes=kubernetes))
        answer = await self._call(self._machine.Containers, request)
        found = [_container(each) for message in answer.messages for each in message.containers]
        return sorted(found, key=lambda each: each.id)

    async def container_usage(self, *, kubernetes: bool = False) -> list[ContainerUsage]:
        """Return what the system's containers use, or those of Kubernetes."""
        request = machine_pb2.StatsRequest(**_namespace(kubernetes=kubernetes))
        answer = await self._call(self._machine.Stats, request)
        found = [_usage(each) for message in answer.messages for each in message.stats]
        return sorted(found, key=lambda each: each.id)

    async def restart_container(self, container: str, *, kubernetes: bool = False) -> None:
        """Tell a container to end; whoever started it starts it again."""
        request = machine_pb2.RestartRequest(id=container, **_namespace(kubernetes=kubernetes))
        await self._call(self._machine.Restart, request)

    async def images(self, store: ImageStore = ImageStore.CRI) -> list[ImageStatus]:
        """Return the images of a store."""
        service: Any = self._stub(machine_pb2_grpc.ImageServiceStub)
        request = machine_pb2.ImageServiceListRequest(containerd=_instance(store))
        old = machine_pb2.ImageListRequest(namespace=_instance(store).namespace)
        with self._translated():
            try:
                return await self._images(service.List, request)
            except grpc.aio.AioRpcError as error:
                if not _is_old(error, store):
                    raise
            return await self._images(self._machine.ImageList, old)

    async def pull_image(
        self, reference: str, store: ImageStore = ImageStore.CRI
    ) -> AsyncGenerator[LayerProgress | ImagePulled, None]:
        """Pull an image into a store, telling how far it is, and its name at the end."""
        service: Any = self._stub(machine_pb2_grpc.ImageServiceStub)
        request = machine_pb2.ImageServicePullRequest(
            containerd=_instance(store), image_ref=reference
        )
        with self._translated():
            call = service.Pull(request, timeout=TRANSFER_TIMEOUT_S, metadata=self._metadata)
            try:
                async for answer in call:
                    yield _pull_step(answer)
            except grpc.aio.AioRpcError as error:
                if not _is_old(error, store):
                    raise
            else:
                return
            finally:
                # Whoever stops listening stops the pull.
                call.cancel()
            await self._pull_old(reference, store)
        yield ImagePulled(image=reference)

    async def import_image(
        self, chunks: AsyncIterator[bytes], store: ImageStore = ImageStore.CRI
    ) -> str:
        """Send an archive of an image and return the name that it got."""
        service: Any = self._stub(machine_pb2_grpc.ImageServiceStub)
        answer = await self._call(
            service.Import, _import_requests(chunks, store), timeout_s=TRANSFER_TIMEOUT_S
        )
        return str(answer.name)

    async def remove_image(self, image: str, store: ImageStore = ImageStore.CRI) -> None:
        """Remove an image from a store."""
        service: Any = self._stub(machine_pb2_grpc.ImageServiceStub)
        request = machine_pb2.ImageServiceRemoveRequest(
            containerd=_instance(store), image_ref=image
        )
        await self._call(service.Remove, request, timeout_s=120.0)

    async def _images(self, method: Any, request: Any) -> list[ImageStatus]:
        listed = method(request, timeout=CALL_TIMEOUT_S, metadata=self._metadata)
        return sorted([_image(each) async for each in listed], key=lambda each: each.image)

    async def _pull_old(self, reference: str, store: ImageStore) -> None:
        """Pull by the call of nodes without the service, which tells nothing on the way."""
        namespace = _instance(store).namespace
        request = machine_pb2.ImagePullRequest(namespace=namespace, reference=reference)
        await self._machine.ImagePull(request, timeout=TRANSFER_TIMEOUT_S, metadata=self._metadata)


def _namespace(*, kubernetes: bool) -> dict[str, Any]:
    if kubernetes:
        return {"namespace": "k8s.io", "driver": common_pb2.CRI}
    return {"namespace": "system", "driver": common_pb2.CONTAINERD}


def _instance(store: ImageStore) -> common_pb2.ContainerdInstance:
    # The images of the system's containers are in Kubernetes' containerd, but for those that
    # live in memory only.
    return common_pb2.ContainerdInstance(
        driver=common_pb2.CONTAINERD if store is ImageStore.INMEM else common_pb2.CRI,
        namespace=common_pb2.NS_CRI if store is ImageStore.CRI else common_pb2.NS_SYSTEM,
    )


def _is_old(error: grpc.aio.AioRpcError, store: ImageStore) -> bool:
    """Say whether a node lacks the service and has older calls for the same."""
    return error.code() is grpc.StatusCode.UNIMPLEMENTED and store is not ImageStore.INMEM


async def _import_requests(
    chunks: AsyncIterator[bytes], store: ImageStore
) -> AsyncIterator[machine_pb2.ImageServiceImportRequest]:
    yield machine_pb2.ImageServiceImportRequest(containerd=_instance(store))
    async for chunk in chunks:
        yield machine_pb2.ImageServiceImportRequest(image_chunk=common_pb2.Data(bytes=chunk))


def _container(info: Any) -> ContainerStatus:
    return ContainerStatus(
        namespace=info.namespace,
        id=info.id,
        internal_id=info.internal_id,
        pod=info.pod_id,
        name=info.name,
        image=info.image,
        pid=info.pid,
        status=info.status,
    )


def _usage(stat: Any) -> ContainerUsage:
    return ContainerUsage(
        namespace=stat.namespace,
        id=stat.id,
        pod=stat.pod_id,
        name=stat.name,
        memory_bytes=stat.memory_usage,
        cpu_ns=stat.cpu_usage,
    )


def _image(answer: Any) -> ImageStatus:
    return ImageStatus(
        image=answer.name,
        digest=answer.digest,
        size_bytes=answer.size,
        created=answer.created_at.ToDatetime(tzinfo=UTC),
        # The older call has none.
        labels=dict(getattr(answer, "labels", {})),
    )


def _pull_step(answer: Any) -> LayerProgress | ImagePulled:
    if answer.WhichOneof("response") == "name":
        return ImagePulled(image=answer.name)
    progress = answer.pull_progress.progress
    state = machine_pb2.ImageServicePullLayerProgress.Status.Name(progress.status)
    return LayerProgress(
        layer=answer.pull_progress.layer_id,
        state=state.lower().replace("_", " "),
        offset=progress.offset,
        total=progress.total,
    )
