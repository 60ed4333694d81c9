# SPDX-License-Identifier: Apache-2.0
"""The resource store: the node's state in memory, read by key and watched by queue or journal.

Controllers write what they own and watch what they need; the API shows the same documents.
Everything runs on one event loop, so there are no locks.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from edge.node.resource.definition import Kind
from edge.node.resource.graph import Part
from edge.node.resource.journal import LENGTH, Journal
from edge.node.resource.resource import Change, ChangeType, Resource

BACKLOG = 1024
BRIEF = {"perf": 16}
"""How many changes are kept in namespaces where everything changes all the time."""

Filter = Callable[[Resource], bool]


class Changes(asyncio.Queue[Change]):
    """What a watcher has not read yet; one that falls too far behind has missed something."""

    def __init__(self, backlog: int = BACKLOG) -> None:
        super().__init__(backlog)
        self.missed = False

    def offer(self, change: Change) -> None:
        """Add a change, or note that there is no room for it."""
        if self.full():
            self.missed = True
        else:
            self.put_nowait(change)


@dataclass(slots=True)
class Collection:
    """The resources of one type in one namespace, and what happened to them lately."""

    journal: Journal
    items: dict[str, Resource] = field(default_factory=dict)

    def sorted(self) -> list[Resource]:
        """Return the resources by id."""
        return [self.items[name] for name in sorted(self.items)]


class Store:
    """Resources by type, namespace and id."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._collections: dict[tuple[str, str], Collection] = {}
        self._watchers: list[tuple[Filter, Changes]] = []
        self.parts: dict[str, Part] = {}
        """Who reads and writes here, by name."""
        self.cookie = secrets.token_bytes(8)
        """Tells the bookmarks of this store from those of an earlier run."""

    def collection(self, type_: str, namespace: str) -> Collection:
        """Return the collection of a type in a namespace, which may be empty."""
        found = self._collections.get((type_, namespace))
        if found is None:
            journal = Journal(BRIEF.get(namespace, LENGTH))
            found = self._collections[type_, namespace] = Collection(journal)
        return found

    def get(self, kind: Kind, resource_id: str) -> Resource | None:
        """Return one resource of the kind's own namespace, or nothing."""
        return self.find(kind.type, kind.namespace, resource_id)

    def find(self, type_: str, namespace: str, resource_id: str) -> Resource | None:
        """Return the resource with this full key, or nothing."""
        found = self._collections.get((type_, namespace))
        return found.items.get(resource_id) if found else None

    def spec(self, kind: Kind, resource_id: str) -> Any:
        """Return the specification of one resource, or an empty mapping when there is none."""
        found = self.get(kind, resource_id)
        return found.spec if found else {}

    def of_kind(self, kind: Kind) -> list[Resource]:
        """Return every resource of a kind, sorted by id."""
        return self.select(kind.type, kind.namespace)

    def select(self, type_: str, namespace: str) -> list[Resource]:
        """Return every resource of a type in a namespace, sorted by id."""
        found = self._collections.get((type_, namespace))
        return found.sorted() if found else []

    def everything(self) -> Iterator[Resource]:
        """Yield every resource, by type and namespace."""
        for key in sorted(self._collections):
            yield from self._collections[key].sorted()

    def put(
        self,
        kind: Kind,
        resource_id: str,
        spec: Any,
        *,
        owner: str,
        namespace: str = "",
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Resource:
        """Create or update a resource; an equal specification changes nothing."""
        collection = self.collection(kind.type, namespace or kind.namespace)
        old, now = collection.items.get(resource_id), self._now()
        if old and old.spec == spec and (labels is None or old.labels == labels):
            return old
        if old:
            new = replace(
                old,
                spec=spec,
                version=old.version + 1,
                updated=now,
                labels=dict(labels) if labels is not None else old.labels,
            )
        else:
            new = Resource(
                type=kind.type,
                namespace=namespace or kind.namespace,
                id=resource_id,
                spec=spec,
                version=1,
                owner=owner,
                created=now,
                updated=now,
                labels=dict(labels or {}),
                annotations=dict(annotations or {}),
            )
        collection.items[resource_id] = new
        self._tell(collection, ChangeType.UPDATED if old else ChangeType.CREATED, new, old)
        return new

    def remove(self, kind: Kind, resource_id: str, *, namespace: str = "") -> None:
        """Destroy a resource if it exists."""
        collection = self.collection(kind.type, namespace or kind.namespace)
        if old := collection.items.pop(resource_id, None):
            gone = replace(old, tearing_down=True)
            self._tell(collection, ChangeType.DESTROYED, gone, None)

    def publish(
        self, kind: Kind, specs: Mapping[str, Any], *, owner: str, namespace: str = ""
    ) -> None:
        """Make the kind hold exactly `specs` (id to specification), touching only differences."""
        for resource in self.select(kind.type, namespace or kind.namespace):
            if resource.id not in specs:
                self.remove(kind, resource.id, namespace=namespace)
        for resource_id, spec in specs.items():
            self.put(kind, resource_id, spec, owner=owner, namespace=namespace)

    def join(self, part: Part) -> None:
        """Note who reads and writes what."""
        self.parts[part.name] = part

    @contextmanager
    def watch(self, wanted: Filter) -> Iterator[Changes]:
        """Yield a queue that receives every later change of resources that `wanted` accepts."""
        entry = (wanted, Changes())
        self._watchers.append(entry)
        try:
            yield entry[1]
        finally:
            self._watchers.remove(entry)

    def _tell(
        self, collection: Collection, type_: ChangeType, resource: Resource, old: Resource | None
    ) -> None:
        change = Change(type=type_, resource=resource, old=old, position=collection.journal.end)
        collection.journal.append(change)
        for wanted, changes in self._watchers:
            if wanted(change.resource):
                changes.offer(change)
