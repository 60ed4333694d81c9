# SPDX-License-Identifier: Apache-2.0
"""The resource API: get, list and watch; writing is not allowed from outside."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from edge.api import resource_pb2, resource_pb2_grpc
from edge.errors import TrustError
from edge.node.api.guard import Context, caller_roles
from edge.node.api.query import read_query
from edge.node.api.watch import BadBookmark, Watch, refuse_impossible
from edge.node.resource.encode import to_wire
from edge.node.resource.kind import KINDS, META_KINDS, NAMESPACES
from edge.node.resource.meta import publish_definitions
from edge.node.resource.store import Store
from edge.pki.role import Role


class StateService(resource_pb2_grpc.StateServicer):
    """Resources of one store, the definitions of their kinds among them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        publish_definitions(store)

    async def Get(self, request: resource_pb2.GetRequest, context: Context) -> Any:
        """Return one resource."""
        _check(request.type, request.namespace)
        if found := self._store.find(request.type, request.namespace, request.id):
            return resource_pb2.GetResponse(resource=to_wire(found))
        name = f"{request.type}({request.namespace}/{request.id}@undefined)"
        return await context.abort(grpc.StatusCode.NOT_FOUND, f"resource {name} doesn't exist")

    async def List(
        self, request: resource_pb2.ListRequest, _context: Context
    ) -> AsyncIterator[resource_pb2.ListResponse]:
        """Stream every resource of a type."""
        _check(request.type, request.namespace)
        is_wanted = read_query(request.options)
        for resource in self._store.select(request.type, request.namespace):
            if is_wanted(resource):
                yield resource_pb2.ListResponse(resource=to_wire(resource))

    async def Watch(
        self, request: resource_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[resource_pb2.WatchResponse]:
        """Stream changes; the first, empty response says that the watch stands."""
        _check(request.type, request.namespace)
        await refuse_impossible(request, context)
        try:
            watch = Watch(self._store, request)
        except BadBookmark as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        async for response in watch.responses():
            yield response

    async def Create(self, _request: Any, _context: Context) -> Any:
        """Refuse."""
        raise _not_allowed()

    async def Update(self, _request: Any, _context: Context) -> Any:
        """Refuse."""
        raise _not_allowed()

    async def Destroy(self, _request: Any, _context: Context) -> Any:
        """Refuse."""
        raise _not_allowed()

    async def Teardown(self, _request: Any, _context: Context) -> Any:
        """Refuse."""
        raise _not_allowed()

    async def TeardownAndDestroy(self, _request: Any, _context: Context) -> Any:
        """Refuse."""
        raise _not_allowed()


def _not_allowed() -> TrustError:
    return TrustError("write access is not allowed")


def _check(type_: str, namespace: str) -> None:
    """Refuse what the caller may not read.

    Raises:
        TrustError: when the kind or namespace is not known, or not for this caller.
    """
    kind = KINDS.get(type_) or META_KINDS.get(type_)
    if kind is None:
        raise TrustError(f'resource type "{type_}" is not supported')
    if kind.sensitive and Role.ADMIN not in caller_roles.get():
        raise TrustError("not authorized")
    if namespace not in NAMESPACES:
        raise TrustError(f'namespace "{namespace}" is not supported')
