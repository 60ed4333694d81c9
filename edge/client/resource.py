# SPDX-License-Identifier: Apache-2.0
"""The resources of a node, and the kinds there are."""

from collections.abc import AsyncIterator
from difflib import get_close_matches
from typing import Any

import yaml

from edge.api import meta_pb2, resource_pb2
from edge.client.call import NodeCalls
from edge.client.model import Definition, Document, Watched
from edge.errors import NodeError

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
        """Return one resource."""
        request = resource_pb2.GetRequest(namespace=namespace, type=type_, id=resource_id)
        return _document((await self._call(self._state.Get, request)).resource)

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
                yield Watched(event=name, document=_document(event.resource))


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
