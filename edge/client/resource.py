# SPDX-License-Identifier: Apache-2.0
"""The resources of a node, and the kinds there are."""

from collections.abc import AsyncIterator
from difflib import get_close_matches
from typing import Any

import grpc
import yaml
from google.protobuf.empty_pb2 import Empty

from edge.api import inspect_pb2, inspect_pb2_grpc, meta_pb2, resource_pb2
from edge.client.call import CALL_TIMEOUT_S, NodeCalls
from edge.client.model import Definition, Dependency, Document, Watched
from edge.errors import NodeError

SHOWN = 12
"""How many ids a hint names."""
_DEFINITIONS = "ResourceDefinitions.meta.cosi.dev"


class ResourceCalls(NodeCalls):
    """Reads and watches resources."""

    async def definitions(self) -> list[Definition]:
        """Return every kind of resource the node knows."""
        request = resource_pb2.ListRequest(namespace="meta", type=_DEFINITIONS)
        return [
            _definition(meta_pb2.ResourceDefinitionSpec.FromString(item.resource.spec.proto_spec))
            async for item in self._stream(self._state.List, request)
        ]

    async def find_kind(self, word: str) -> Definition:
        """Return the kind that people call `word`.

        Raises:
            NodeError: when there is none, or several.
        """
        known = await self.definitions()
        found = [each for each in known if word.lower() in each.names]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(each.type for each in found)
            raise NodeError(f"{self.node}: {word!r} can mean {names}", hint="use a full name")
        raise NodeError(f"{self.node} has no resource {word!r}", hint=_suggest(word, known))

    async def resource(self, type_: str, namespace: str, resource_id: str) -> Document:
        """Return one resource.

        Raises:
            NodeError: when there is none of this id; the hint names those there are.
        """
        request = resource_pb2.GetRequest(namespace=namespace, type=type_, id=resource_id)
        try:
            with self._translated():
                found = await self._get(request)
        except _AbsentError as error:
            name = type_.partition(".")[0]
            ids = [each.id for each in await self.resources(type_, namespace)]
            known = f"{name}: {', '.join(ids[:SHOWN])}{', …' if len(ids) > SHOWN else ''}"
            raise NodeError(
                f"{self.node} has no {resource_id!r} among {name} in namespace {namespace}",
                hint=known if ids else f"there are no {name} at all",
            ) from error
        return _document(found.resource)

    async def resources(self, type_: str, namespace: str) -> list[Document]:
        """Return every resource of a type."""
        request = resource_pb2.ListRequest(namespace=namespace, type=type_)
        return [_document(item.resource) async for item in self._stream(self._state.List, request)]

    async def watch(
        self, type_: str, namespace: str, resource_id: str | None = None
    ) -> AsyncIterator[Watched]:
        """Yield what there is as "created", then every change."""
        options = resource_pb2.WatchOptions(bootstrap_contents=resource_id is None)
        request = resource_pb2.WatchRequest(
            namespace=namespace, type=type_, id=resource_id, options=options, api_version=1
        )
        async for answer in self._stream(self._state.Watch, request, timeout_s=None):
            for event in answer.event:
                name = resource_pb2.EventType.Name(event.event_type).lower()
                if name == "errored":
                    raise NodeError(f"{self.node} ended the watch: {event.error}")
                yield Watched(event=name, document=_document(event.resource))

    async def dependencies(self) -> list[Dependency]:
        """Return which controllers read and write which kinds of resources."""
        stub = self._stub(inspect_pb2_grpc.InspectServiceStub)
        answer = await self._call(stub.ControllerRuntimeDependencies, Empty())
        return [_dependency(edge) for message in answer.messages for edge in message.edges]

    async def _get(self, request: Any) -> Any:
        try:
            return await self._state.Get(request, timeout=CALL_TIMEOUT_S, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise _AbsentError from error
            raise


class _AbsentError(LookupError):
    """There is no such resource."""


def _dependency(edge: Any) -> Dependency:
    name = inspect_pb2.DependencyEdgeType.Name(edge.edge_type)
    return Dependency(
        controller=edge.controller_name,
        edge=name.lower(),
        namespace=edge.resource_namespace,
        type=edge.resource_type,
        id=edge.resource_id,
    )


def _definition(spec: Any) -> Definition:
    return Definition(
        type=spec.resource_type,
        display=spec.display_type,
        namespace=spec.default_namespace,
        names=frozenset({spec.resource_type.lower(), *spec.all_aliases}),
        columns=tuple((column.name, column.json_path) for column in spec.print_columns),
        sensitive=spec.sensitivity == meta_pb2.ResourceDefinitionSpec.SENSITIVE,
    )


def _suggest(word: str, known: list[Definition]) -> str:
    names = sorted({name for each in known for name in each.names if "." not in name})
    if close := get_close_matches(word.lower(), names, n=3):
        return f"similar: {', '.join(close)}"
    return "edgectl get rd lists every kind"


def _document(resource: Any) -> Document:
    given = resource.metadata
    metadata: dict[str, Any] = {
        "namespace": given.namespace,
        "type": given.type,
        "id": given.id,
        "version": int(given.version) if given.version.isdigit() else given.version,
        "owner": given.owner,
        "phase": given.phase,
        "created": given.created.ToJsonString(),
        "updated": given.updated.ToJsonString(),
    }
    for name in ("labels", "annotations"):
        if pairs := dict(getattr(given, name)):
            metadata[name] = pairs
    if given.finalizers:
        metadata["finalizers"] = list(given.finalizers)
    try:
        spec = yaml.safe_load(resource.spec.yaml_spec or "null")
    except yaml.YAMLError as error:
        raise NodeError(f"resource {given.type}/{given.id} is not readable YAML") from error
    return Document(metadata=metadata, spec=spec)
