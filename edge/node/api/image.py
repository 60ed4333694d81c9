# SPDX-License-Identifier: Apache-2.0
"""Calls about images: the service, and the two calls of older clients."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from edge.api import machine_pb2, machine_pb2_grpc
from edge.api.containerd import image_pb2
from edge.errors import ConfigError, ImageError
from edge.node.api.guard import Context
from edge.node.api.missing import found
from edge.node.containerd.client import Containerd, MissingError, connect
from edge.node.containerd.image import read_content
from edge.node.containerd.place import Place, image_namespace, image_place
from edge.node.containerd.progress import Step
from edge.node.containerd.pull import Pulled, load, pull
from edge.node.machine import Machine


class ImageCalls:
    """The part of MachineService that is about images, for older clients."""

    machine: Machine

    async def ImageList(
        self, request: machine_pb2.ImageListRequest, _context: Context
    ) -> AsyncIterator[machine_pb2.ImageListResponse]:
        """List the images of a namespace."""
        async with connect(self._image_place(request)) as containerd:
            for image in await containerd.images():
                yield machine_pb2.ImageListResponse(
                    name=image.name,
                    digest=image.target.digest,
                    size=await _size(containerd, image),
                    created_at=image.created_at,
                )

    async def ImagePull(
        self, request: machine_pb2.ImagePullRequest, context: Context
    ) -> machine_pb2.ImagePullResponse:
        """Pull an image, answering when it is there."""
        place = self._image_place(request)
        async with found(context), aclosing(pull(place, request.reference)) as steps:
            async for _ in steps:
                pass
        return machine_pb2.ImagePullResponse(messages=[machine_pb2.ImagePull()])

    def _image_place(self, request: Any) -> Place:
        # Both namespaces of images that older clients know are Kubernetes' containerd's.
        sockets = self.machine.platform.containerd
        return Place(socket=sockets.cri, namespace=image_namespace(request.namespace))


class ImageService(machine_pb2_grpc.ImageServiceServicer):
    """Images of the node's containerds."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def List(
        self, request: machine_pb2.ImageServiceListRequest, _context: Context
    ) -> AsyncIterator[machine_pb2.ImageServiceListResponse]:
        """List the images of an instance."""
        async with connect(self._place(request.containerd)) as containerd:
            for image in await containerd.images():
                yield machine_pb2.ImageServiceListResponse(
                    name=image.name,
                    digest=image.target.digest,
                    size=await _size(containerd, image),
                    created_at=image.created_at,
                    labels=image.labels,
                )

    async def Pull(
        self, request: machine_pb2.ImageServicePullRequest, context: Context
    ) -> AsyncIterator[machine_pb2.ImageServicePullResponse]:
        """Pull an image, telling how far each layer is and at last its name."""
        place = self._place(request.containerd)
        async with found(context), aclosing(pull(place, request.image_ref)) as steps:
            async for step in steps:
                yield _pull_answer(step)

    async def Import(
        self,
        requests: AsyncIterator[machine_pb2.ImageServiceImportRequest],
        context: Context,
    ) -> machine_pb2.ImageServiceImportResponse:
        """Import an archive that the client sends."""
        first = await anext(aiter(requests), None)
        if first is None or not first.HasField("containerd"):
            raise ConfigError("the first message of an import says for which containerd it is")
        place = self._place(first.containerd)
        async with found(context):
            name = await load(place, _chunks(requests))
        return machine_pb2.ImageServiceImportResponse(name=name)

    async def Remove(
        self, request: machine_pb2.ImageServiceRemoveRequest, context: Context
    ) -> Empty:
        """Remove an image by its name."""
        async with found(context), connect(self._place(request.containerd)) as containerd:
            await containerd.remove_image(request.image_ref)
        return Empty()

    async def Verify(self, _request: Any, _context: Context) -> Any:
        """Refuse: signatures are not checked by this node."""
        raise NotImplementedError("this node does not verify the signatures of images")

    def _place(self, instance: Any) -> Place:
        return image_place(self._machine.platform.containerd, instance)


async def _chunks(
    requests: AsyncIterator[machine_pb2.ImageServiceImportRequest],
) -> AsyncIterator[bytes]:
    async for request in requests:
        if not request.HasField("image_chunk"):
            raise ConfigError("a message of the import holds no part of the archive")
        yield request.image_chunk.bytes


async def _size(containerd: Containerd, image: image_pb2.Image) -> int:
    """Return the size of this machine's part of an image; nought when parts are missing."""
    try:
        return (await read_content(containerd, image)).size_bytes
    except (MissingError, ImageError):
        return 0


def _pull_answer(step: Step | Pulled) -> machine_pb2.ImageServicePullResponse:
    if isinstance(step, Pulled):
        return machine_pb2.ImageServicePullResponse(name=step.name)
    elapsed = Duration()
    elapsed.FromNanoseconds(int(step.elapsed_s * 1e9))
    progress = machine_pb2.ImageServicePullLayerProgress(
        status=machine_pb2.ImageServicePullLayerProgress.Status.Name(step.phase),
        elapsed=elapsed,
        offset=step.offset,
        total=step.total,
    )
    return machine_pb2.ImageServicePullResponse(
        pull_progress=machine_pb2.ImageServicePullProgress(layer_id=step.layer, progress=progress)
    )
