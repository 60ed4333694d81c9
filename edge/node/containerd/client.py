# SPDX-License-Identifier: Apache-2.0
"""The calls to containerd that a node makes, as asynchronous functions with deadlines.

A connection is opened for every call of the node's API and closed with it: it is a local socket,
and containerd may have been restarted in between.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from edge.api.containerd import (
    container_pb2,
    container_pb2_grpc,
    content_pb2,
    content_pb2_grpc,
    image_pb2,
    image_pb2_grpc,
    process_pb2,
    snapshot_pb2,
    snapshot_pb2_grpc,
    task_pb2,
    task_pb2_grpc,
    type_pb2,
    version_pb2_grpc,
)
from edge.errors import ImageError, NodeError
from edge.node.containerd.place import Place

CALL_TIMEOUT_S = 10.0
_REMOVE_TIMEOUT_S = 60.0
# What containerd sends at most, and what it wants of a document about an image.
_MESSAGE_LIMIT = 16 * 1024 * 1024
_DOCUMENT_LIMIT = 4 * 1024 * 1024
_OPTIONS = [("grpc.max_receive_message_length", _MESSAGE_LIMIT), ("grpc.enable_http_proxy", 0)]


class MissingError(NodeError):
    """Containerd has nothing of this name."""


class Containerd:
    """One namespace of a containerd; make it with `connect`."""

    def __init__(self, channel: grpc.aio.Channel, namespace: str) -> None:
        self._metadata = (("containerd-namespace", namespace),)
        # gRPC's generated stubs are untyped.
        self._containers: Any = container_pb2_grpc.ContainersStub(channel)
        self._content: Any = content_pb2_grpc.ContentStub(channel)
        self._images: Any = image_pb2_grpc.ImagesStub(channel)
        self._snapshots: Any = snapshot_pb2_grpc.SnapshotsStub(channel)
        self._tasks: Any = task_pb2_grpc.TasksStub(channel)
        self._version: Any = version_pb2_grpc.VersionStub(channel)

    async def version(self) -> str:
        """Return containerd's version."""
        return str((await self._call(self._version.Version, Empty())).version)

    async def containers(self) -> Sequence[container_pb2.Container]:
        """Return all containers, running or not."""
        request = container_pb2.ListContainersRequest()
        found: Sequence[container_pb2.Container]
        found = (await self._call(self._containers.List, request)).containers
        return found

    async def processes(self) -> dict[str, process_pb2.Process]:
        """Return the first process of every container that has one, by the container's id."""
        answer = await self._call(self._tasks.List, task_pb2.ListTasksRequest())
        return {each.container_id or each.id: each for each in answer.tasks}

    async def metrics(self) -> dict[str, type_pb2.Metric]:
        """Return what every running container uses, by its id."""
        answer = await self._call(self._tasks.Metrics, task_pb2.MetricsRequest())
        return {each.id: each for each in answer.metrics}

    async def kill(self, container: str, number: int) -> None:
        """Send a signal to the first process of a container."""
        request = task_pb2.KillRequest(container_id=container, signal=number)
        await self._call(self._tasks.Kill, request)

    async def images(self) -> Sequence[image_pb2.Image]:
        """Return all images."""
        found: Sequence[image_pb2.Image]
        found = (await self._call(self._images.List, image_pb2.ListImagesRequest())).images
        return found

    async def image(self, name: str) -> image_pb2.Image:
        """Return the image of this name.

        Raises:
            MissingError: when there is none.
        """
        answer = await self._call(self._images.Get, image_pb2.GetImageRequest(name=name))
        found: image_pb2.Image = answer.image
        return found

    async def remove_image(self, name: str) -> None:
        """Forget a name, and delete what nothing else needs.

        Raises:
            MissingError: when there is no such image.
        """
        request = image_pb2.DeleteImageRequest(name=name, sync=True)
        await self._call(self._images.Delete, request, timeout_s=_REMOVE_TIMEOUT_S)

    async def document(self, digest: str) -> dict[str, Any]:
        """Return a JSON document of the store, such as a manifest.

        Raises:
            MissingError: when the store does not have it.
            ImageError: when it is none, or far too large.
        """
        data = bytearray()
        request = content_pb2.ReadContentRequest(digest=digest)
        with _translated():
            stream = self._content.Read(request, metadata=self._metadata, timeout=CALL_TIMEOUT_S)
            async for part in stream:
                data += part.data
                if len(data) > _DOCUMENT_LIMIT:
                    stream.cancel()
                    raise ImageError(f"{digest} is too large for a manifest")
        try:
            document = json.loads(data)
        except ValueError as error:
            raise ImageError(f"{digest} is no JSON document") from error
        if not isinstance(document, dict):
            raise ImageError(f"{digest} is no JSON object")
        return document

    async def blob_size(self, digest: str) -> int | None:
        """Return the size of a blob in bytes, or nothing when the store does not have it."""
        try:
            answer = await self._call(self._content.Info, content_pb2.InfoRequest(digest=digest))
        except MissingError:
            return None
        return int(answer.info.size)

    async def writing(self) -> dict[str, tuple[int, int]]:
        """Return how far every blob that is being written is: bytes there, bytes in all."""
        answer = await self._call(self._content.ListStatuses, content_pb2.ListStatusesRequest())
        return {each.ref: (each.offset, each.total) for each in answer.statuses}

    async def is_unpacked(self, snapshotter: str, key: str) -> bool:
        """Say whether there is a snapshot of this name."""
        request = snapshot_pb2.StatSnapshotRequest(snapshotter=snapshotter, key=key)
        try:
            await self._call(self._snapshots.Stat, request)
        except MissingError:
            return False
        return True

    async def _call(self, method: Any, request: Any, *, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        with _translated():
            answer: Awaitable[Any] = method(request, metadata=self._metadata, timeout=timeout_s)
            return await answer


@asynccontextmanager
async def connect(place: Place) -> AsyncIterator[Containerd]:
    """Open a namespace of a containerd.

    Raises:
        NodeError: when no containerd runs there.
    """
    # A link is followed here: the path of what it names may be what still fits into an address.
    socket = place.socket.resolve()
    if not socket.is_socket():
        raise NodeError(f"containerd does not run on this node: {place.socket} is no socket")
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=_OPTIONS) as channel:
        yield Containerd(channel, place.namespace)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        details = error.details() or error.code().name
        if error.code() is grpc.StatusCode.NOT_FOUND:
            raise MissingError(details) from error
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise NodeError("containerd does not run on this node: nobody answers") from error
        raise NodeError(f"containerd: {details}") from error
