# SPDX-License-Identifier: Apache-2.0
"""Watching resources: from what there is, the last changes or a bookmark, to every later change.

What is sent about a change is made once and shared by all who watch, so two hundred of them
cost little more than one. A watcher keeps nothing but its place in the journal of the kind.
"""

from collections.abc import AsyncIterator, Iterable

import grpc

from edge.api import resource_pb2
from edge.errors import ConfigError
from edge.node.api.guard import Context
from edge.node.api.query import Wanted, read_query
from edge.node.resource.encode import to_wire
from edge.node.resource.journal import Journal, Overrun
from edge.node.resource.resource import Change, ChangeType, Resource
from edge.node.resource.store import Collection, Store

_COOKIE_BYTES = 8
_BOOKMARK_BYTES = 16
_EVENTS = {
    ChangeType.CREATED: resource_pb2.CREATED,
    ChangeType.UPDATED: resource_pb2.UPDATED,
    ChangeType.DESTROYED: resource_pb2.DESTROYED,
}
Events = list[resource_pb2.Event]


class BadBookmark(LookupError):
    """A bookmark of another run, of changes no longer kept, or none at all."""


class Watch:
    """One watch: where it is, and what it wants."""

    def __init__(self, store: Store, request: resource_pb2.WatchRequest) -> None:
        self._cookie = store.cookie
        self._request = request
        self._collection: Collection = store.collection(request.type, request.namespace)
        self._journal: Journal = self._collection.journal
        self._wanted: Wanted = self._read_wanted()
        self._is_filtered = request.HasField("id") or bool(
            request.options.label_query or request.options.id_query.regexp
        )
        self._position = self._start()
        # Taken at once: what comes while the client reads slowly is in the journal.
        self._first = self._first_events()

    async def responses(self) -> AsyncIterator[resource_pb2.WatchResponse]:
        """Yield the empty response that says that the watch stands, then the events."""
        yield resource_pb2.WatchResponse()
        for answer in self._pack(self._first):
            yield answer
        self._first = []
        while True:
            await self._journal.wait(self._position)
            try:
                changes = self._journal.since(self._position)
            except Overrun:
                break
            self._position += len(changes)
            if self._is_aggregated:
                for answer in self._pack(self._events(changes)):
                    yield answer
                continue
            for change in changes:
                if answer_ := self._response(change):
                    yield answer_
        for answer in self._pack([self._overrun()]):
            yield answer

    @property
    def _is_aggregated(self) -> bool:
        return self._request.options.aggregated and not self._request.HasField("id")

    def _read_wanted(self) -> Wanted:
        if self._request.HasField("id"):
            return lambda resource: resource.id == self._request.id
        return read_query(self._request.options)

    def _start(self) -> int:
        options, end = self._request.options, self._journal.end
        if options.HasField("start_from_bookmark"):
            if options.tail_events > 0:
                raise ConfigError("cannot use both TailEvents and StartFromBookmark options")
            return self._after(options.start_from_bookmark)
        if options.tail_events <= 0:
            return end
        if not self._request.HasField("id"):
            return max(end - options.tail_events, self._journal.start)
        mine = [c.position for c in self._journal.since(self._journal.start) if self._is_mine(c)]
        return mine[-options.tail_events :][0] if mine else end

    def _is_mine(self, change: Change) -> bool:
        return self._wanted(change.resource)

    def _after(self, bookmark: bytes) -> int:
        number = int.from_bytes(bookmark[_COOKIE_BYTES:], signed=True)
        position = number + 1
        if (
            len(bookmark) != _BOOKMARK_BYTES
            or bookmark[:_COOKIE_BYTES] != self._cookie
            or not self._journal.start <= position <= self._journal.end
        ):
            raise BadBookmark("invalid watch bookmark")
        return position

    def _bookmark(self, position: int) -> bytes:
        return self._cookie + position.to_bytes(_BOOKMARK_BYTES - _COOKIE_BYTES, signed=True)

    def _first_events(self) -> Events:
        options = self._request.options
        is_replay = options.tail_events > 0 or options.HasField("start_from_bookmark")
        if self._request.HasField("id"):
            return [] if is_replay else [self._present()]
        events: Events = []
        if options.bootstrap_contents:
            if is_replay:
                raise ConfigError(
                    "cannot use BootstrapContents with TailEvents and StartFromBookmark options"
                )
            found = filter(self._wanted, self._collection.sorted())
            events += [_event(resource_pb2.CREATED, resource) for resource in found]
            events.append(self._mark(resource_pb2.BOOTSTRAPPED))
        if options.bootstrap_bookmark:
            events.append(self._mark(resource_pb2.NOOP))
        return events

    def _present(self) -> resource_pb2.Event:
        if found := self._collection.items.get(self._request.id):
            return _event(resource_pb2.CREATED, found)
        return resource_pb2.Event(
            resource=self._tombstone(self._request.id), event_type=resource_pb2.DESTROYED
        )

    def _mark(self, type_: resource_pb2.EventType) -> resource_pb2.Event:
        return resource_pb2.Event(
            resource=self._tombstone(),
            event_type=type_,
            bookmark=self._bookmark(self._position - 1),
        )

    def _overrun(self) -> resource_pb2.Event:
        where = f'namespace "{self._request.namespace}" type "{self._request.type}"'
        place = f"write pos {self._journal.end}, pos {self._position}"
        return resource_pb2.Event(
            resource=self._tombstone(),
            event_type=resource_pb2.ERRORED,
            error=f"buffer overrun: {where}, {place}, capacity {self._journal.length}",
        )

    def _tombstone(self, resource_id: str = "") -> resource_pb2.Resource:
        metadata = resource_pb2.Metadata(
            namespace=self._request.namespace,
            type=self._request.type,
            id=resource_id,
            version="undefined",
            phase="running",
        )
        metadata.created.GetCurrentTime()
        metadata.updated.GetCurrentTime()
        return resource_pb2.Resource(metadata=metadata, spec=resource_pb2.Spec())

    def _pack(self, events: Events) -> Iterable[resource_pb2.WatchResponse]:
        """Put events that the client understands into one response, or into one each."""
        if self._request.api_version < 1:
            unknown = (resource_pb2.BOOTSTRAPPED, resource_pb2.ERRORED)
            events = [event for event in events if event.event_type not in unknown]
        if self._is_aggregated:
            return [resource_pb2.WatchResponse(event=events)] if events else []
        return [resource_pb2.WatchResponse(event=[event]) for event in events]

    def _response(self, change: Change) -> resource_pb2.WatchResponse | None:
        type_ = self._type_of(change)
        if type_ is None:
            return None
        response: resource_pb2.WatchResponse | None = change.memo.get(type_)
        if response is None:
            event = self._make(change, type_)
            response = change.memo[type_] = resource_pb2.WatchResponse(event=[event])
        return response

    def _events(self, changes: Iterable[Change]) -> Events:
        found = (self._response(change) for change in changes)
        return [response.event[0] for response in found if response]

    def _type_of(self, change: Change) -> ChangeType | None:
        """Return what a change is to this watcher: one may come into its sight or leave it."""
        if not self._is_filtered:
            return change.type
        is_wanted = self._wanted(change.resource)
        if change.old is None:
            return change.type if is_wanted else None
        was_wanted = self._wanted(change.old)
        if is_wanted:
            return ChangeType.UPDATED if was_wanted else ChangeType.CREATED
        return ChangeType.DESTROYED if was_wanted else None

    def _make(self, change: Change, type_: ChangeType) -> resource_pb2.Event:
        event = _event(_EVENTS[type_], change.resource)
        if change.old and type_ is ChangeType.UPDATED:
            event.old.CopyFrom(to_wire(change.old))
        event.bookmark = self._bookmark(change.position)
        return event


async def refuse_impossible(request: resource_pb2.WatchRequest, context: Context) -> None:
    """Refuse what a watch of one resource does not take."""
    if not request.HasField("id"):
        return
    for name, given in (
        ("bootstrap contents", request.options.bootstrap_contents),
        ("label query", request.options.label_query),
    ):
        if given:
            await context.abort(
                grpc.StatusCode.UNIMPLEMENTED, f"{name} is not implemented for resource watch"
            )


def _event(type_: resource_pb2.EventType, resource: Resource) -> resource_pb2.Event:
    return resource_pb2.Event(resource=to_wire(resource), event_type=type_)
