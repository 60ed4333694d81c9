# SPDX-License-Identifier: Apache-2.0
"""The resource API: get, list and watch; writing is not allowed from outside."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, TypeGuard

import grpc

from edge.api import meta_pb2, resource_pb2, resource_pb2_grpc
from edge.errors import ConfigError, TrustError
from edge.node.api.guard import Context, caller_roles
from edge.node.resource.encode import DEFINITION_TYPE, NAMESPACE_TYPE, to_wire
from edge.node.resource.kind import KINDS, NAMESPACES, Kind
from edge.node.resource.resource import Change, ChangeType, Resource
from edge.node.resource.store import Filter, Store
from edge.pki.role import Role

MOST_QUANTIFIERS = 4
_QUANTIFIER = re.compile(r"[*+?{]")
_REPEATED_GROUP = re.compile(r"\)[*+?{]")

_EVENTS = {
    ChangeType.CREATED: resource_pb2.CREATED,
    ChangeType.UPDATED: resource_pb2.UPDATED,
    ChangeType.DESTROYED: resource_pb2.DESTROYED,
}


class StateService(resource_pb2_grpc.StateServicer):
    """Resources of one store, plus the definitions of their kinds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._meta = _definitions() + _namespaces()

    async def Get(self, request: resource_pb2.GetRequest, context: Context) -> Any:
        """Return one resource."""
        _check(request.type, request.namespace)
        for resource in self._select(request.type, request.namespace):
            if resource.id == request.id:
                return resource_pb2.GetResponse(resource=to_wire(resource))
        name = f"{request.type}({request.namespace}/{request.id})"
        return await context.abort(grpc.StatusCode.NOT_FOUND, f"resource {name} doesn't exist")

    async def List(
        self, request: resource_pb2.ListRequest, _context: Context
    ) -> AsyncIterator[resource_pb2.ListResponse]:
        """Stream every resource of a type."""
        _check(request.type, request.namespace)
        wanted = _pattern(request.options.id_query.regexp)
        for resource in self._select(request.type, request.namespace):
            if wanted.search(resource.id) and _labels_match(resource, request.options.label_query):
                yield resource_pb2.ListResponse(resource=to_wire(resource))

    async def Watch(
        self, request: resource_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[resource_pb2.WatchResponse]:
        """Stream changes; the first, empty response says that the watch stands."""
        _check(request.type, request.namespace)
        await _check_watch(request, context)
        is_wanted = _watch_filter(request)
        with self._store.watch(is_wanted) as changes:
            # Taken at once: what comes while the client reads slowly is in `changes`.
            found = [r for r in self._select(request.type, request.namespace) if is_wanted(r)]
            yield resource_pb2.WatchResponse()
            for event in _first_events(request, found):
                yield resource_pb2.WatchResponse(event=[event])
            while not (changes.missed and changes.empty()):
                yield resource_pb2.WatchResponse(event=[_to_event(await changes.get())])
        yield resource_pb2.WatchResponse(event=[_overrun(request)])

    async def Create(self, _request: Any, _context: Context) -> Any:
        """Refuse."""
        raise TrustError("write access is not allowed")

    async def Update(self, _request: Any, _context: Context) -> Any:
        """Refuse."""
        raise TrustError("write access is not allowed")

    async def Destroy(self, _request: Any, _context: Context) -> Any:
        """Refuse."""
        raise TrustError("write access is not allowed")

    def _select(self, type_: str, namespace: str) -> list[Resource]:
        if namespace == "meta":
            return [resource for resource in self._meta if resource.type == type_]
        return self._store.select(type_, namespace)


def _check(type_: str, namespace: str) -> None:
    if type_ in (DEFINITION_TYPE, NAMESPACE_TYPE):
        return
    if type_ not in KINDS:
        raise TrustError(f'resource type "{type_}" is not supported')
    if namespace not in NAMESPACES:
        raise TrustError(f'namespace "{namespace}" is not supported')
    if KINDS[type_].sensitive and Role.ADMIN not in caller_roles.get():
        raise TrustError("not authorized")


def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern; one that could take long to match is refused, as this is one thread."""
    if len(_QUANTIFIER.findall(text)) > MOST_QUANTIFIERS or _REPEATED_GROUP.search(text):
        raise ConfigError(f"pattern {text!r} is too complex")
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(f"pattern {text!r} is not a regular expression: {error}") from error


async def _check_watch(request: resource_pb2.WatchRequest, context: Context) -> None:
    options, single = request.options, request.HasField("id")
    if single and (options.bootstrap_contents or options.label_query):
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "a watch of one resource takes no query and no bootstrap"
        )
    if options.HasField("start_from_bookmark"):
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the bookmark is not known")


def _watch_filter(request: resource_pb2.WatchRequest) -> Filter:
    pattern = _pattern(request.options.id_query.regexp)

    def is_wanted(resource: Resource) -> bool:
        return (
            (resource.type, resource.namespace) == (request.type, request.namespace)
            and (not request.HasField("id") or resource.id == request.id)
            and bool(pattern.search(resource.id))
            and _labels_match(resource, request.options.label_query)
        )

    return is_wanted


def _labels_match(resource: Resource, queries: Any) -> bool:
    return not queries or any(
        all(_term_matches(resource.labels.get(term.key), term) for term in query.terms)
        for query in queries
    )


def _term_matches(value: str | None, term: resource_pb2.LabelTerm) -> bool:
    first = term.value[0] if term.value else ""
    operation = resource_pb2.LabelTerm.Operation.Name(term.op)
    matches = {
        "EXISTS": value is not None,
        "NOT_EXISTS": value is None,
        "EQUAL": value == first,
        "IN": value in term.value,
        "LT": value is not None and value < first,
        "LTE": value is not None and value <= first,
        "LT_NUMERIC": _is_number(value) and _is_number(first) and int(value) < int(first),
        "LTE_NUMERIC": _is_number(value) and _is_number(first) and int(value) <= int(first),
    }.get(operation, False)
    return matches is not term.invert


def _is_number(text: str | None) -> TypeGuard[str]:
    return text is not None and text.isascii() and text.isdigit()


def _first_events(
    request: resource_pb2.WatchRequest, found: list[Resource]
) -> list[resource_pb2.Event]:
    if request.HasField("id"):
        if found:
            return [_created(found[0])]
        missing = _empty(request.type, request.namespace, request.id)
        return [resource_pb2.Event(resource=missing, event_type=resource_pb2.DESTROYED)]
    if not request.options.bootstrap_contents:
        return []
    end = resource_pb2.Event(
        resource=_empty(request.type, request.namespace, ""),
        event_type=resource_pb2.BOOTSTRAPPED,
    )
    return [_created(resource) for resource in found] + [end]


def _overrun(request: resource_pb2.WatchRequest) -> resource_pb2.Event:
    return resource_pb2.Event(
        resource=_empty(request.type, request.namespace, ""),
        event_type=resource_pb2.ERRORED,
        error="the watch fell behind and has missed changes",
    )


def _created(resource: Resource) -> resource_pb2.Event:
    return resource_pb2.Event(resource=to_wire(resource), event_type=resource_pb2.CREATED)


def _to_event(change: Change) -> resource_pb2.Event:
    event = resource_pb2.Event(resource=to_wire(change.resource), event_type=_EVENTS[change.type])
    if change.old:
        event.old.CopyFrom(to_wire(change.old))
    return event


def _empty(type_: str, namespace: str, resource_id: str) -> resource_pb2.Resource:
    metadata = resource_pb2.Metadata(
        namespace=namespace, type=type_, id=resource_id, version="undefined", phase="running"
    )
    metadata.created.GetCurrentTime()
    metadata.updated.GetCurrentTime()
    return resource_pb2.Resource(metadata=metadata, spec=resource_pb2.Spec())


_META_KINDS = (
    Kind(
        type=DEFINITION_TYPE,
        singular="ResourceDefinition",
        namespace="meta",
        message=meta_pb2.ResourceDefinitionSpec,
        columns=(("Aliases", "{.aliases[:]}"),),
    ),
    Kind(
        type=NAMESPACE_TYPE,
        singular="Namespace",
        namespace="meta",
        message=meta_pb2.NamespaceSpec,
        aliases=("ns",),
        columns=(("Description", "{.description}"),),
    ),
)


def _definitions() -> list[Resource]:
    kinds = sorted((*KINDS.values(), *_META_KINDS), key=lambda kind: kind.id)
    return [_meta_resource(DEFINITION_TYPE, kind.id, _definition(kind)) for kind in kinds]


def _namespaces() -> list[Resource]:
    return [
        _meta_resource(NAMESPACE_TYPE, name, {"description": text})
        for name, text in sorted(NAMESPACES.items())
    ]


def _definition(kind: Kind) -> dict[str, Any]:
    return {
        "type": kind.type,
        "displayType": kind.singular,
        "aliases": list(kind.short_names()),
        "allAliases": list(kind.all_names()),
        "defaultNamespace": kind.namespace,
        "printColumns": [{"name": name, "jsonPath": path} for name, path in kind.columns],
        "sensitivity": "sensitive" if kind.sensitive else "",
    }


def _meta_resource(type_: str, resource_id: str, spec: dict[str, Any]) -> Resource:
    now = datetime.now(UTC)
    return Resource(
        type=type_,
        namespace="meta",
        id=resource_id,
        spec=spec,
        version=1,
        owner="",
        created=now,
        updated=now,
    )
