# SPDX-License-Identifier: Apache-2.0
"""Which controllers read and write which resources."""

from typing import Any

from edge.api import inspect_pb2, inspect_pb2_grpc
from edge.node.api.guard import Context
from edge.node.resource.definition import Kind
from edge.node.resource.graph import Part
from edge.node.resource.store import Store


class InspectService(inspect_pb2_grpc.InspectServiceServicer):
    """The graph of a store's parts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ControllerRuntimeDependencies(
        self, _request: Any, _context: Context
    ) -> inspect_pb2.ControllerRuntimeDependenciesResponse:
        """List every edge between a controller and a kind of resources."""
        graph = inspect_pb2.ControllerRuntimeDependency(edges=dependencies(self._store))
        return inspect_pb2.ControllerRuntimeDependenciesResponse(messages=[graph])


def dependencies(store: Store) -> list[inspect_pb2.ControllerDependencyEdge]:
    """Return the edges of the graph; an output is shared when several write that kind."""
    parts = sorted(store.parts.values(), key=lambda part: part.name)
    writers: dict[str, int] = {}
    for part in parts:
        for kind in part.outputs:
            writers[kind.type] = writers.get(kind.type, 0) + 1
    edges = []
    for part in parts:
        for kind in part.outputs:
            is_shared = writers[kind.type] > 1
            type_ = inspect_pb2.OUTPUT_SHARED if is_shared else inspect_pb2.OUTPUT_EXCLUSIVE
            edges.append(_edge(part, kind, type_))
        edges += [_edge(part, kind, inspect_pb2.INPUT_WEAK) for kind in part.inputs]
    return edges


def _edge(
    part: Part, kind: Kind, type_: inspect_pb2.DependencyEdgeType
) -> inspect_pb2.ControllerDependencyEdge:
    return inspect_pb2.ControllerDependencyEdge(
        controller_name=part.name,
        edge_type=type_,
        resource_namespace=kind.namespace if type_ is inspect_pb2.INPUT_WEAK else "",
        resource_type=kind.type,
    )
