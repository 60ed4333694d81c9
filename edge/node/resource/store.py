# SPDX-License-Identifier: Apache-2.0
"""The resource store: the node's state in memory, read by key and watched by queue.

Controllers write what they own and watch what they need; the API shows the same documents.
Everything runs on one event loop, so there are no locks.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from edge.node.resource.kind import Kind
from edge.node.resource.resource import Change, ChangeType, Resource

BACKLOG = 1024
Key = tuple[str, str, str]
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


class Store:
    """Resources by (type, namespace, id)."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._items: dict[Key, Resource] = {}
        self._watchers: list[tuple[Filter, Changes]] = []

    def get(self, kind: Kind, resource_id: str) -> Resource | None:
        """Return one resource of the kind's own namespace, or nothing."""
        return self.find(kind.type, kind.namespace, resource_id)

    def find(self, type_: str, namespace: str, resource_id: str) -> Resource | None:
        """Return the resource with this full key, or nothing."""
        return self._items.get((type_, namespace, resource_id))

    def spec(self, kind: Kind, resource_id: str) -> Any:
        """Return the specification of one resource, or an empty mapping when there is none."""
        found = self.get(kind, resource_id)
        return found.spec if found else {}

    def of_kind(self, kind: Kind) -> list[Resource]:
        """Return every resource of a kind, sorted by id."""
        return self.select(kind.type, kind.namespace)

    def select(self, type_: str, namespace: str) -> list[Resource]:
        """Return every resource of a type in a namespace, sorted by id."""
        found = [item for item in self._items.values() if item.type == type_]
        return sorted((i for i in found if i.namespace == namespace), key=lambda item: item.id)

    def put(
        self,
        kind: Kind,
        resource_id: str,
        spec: Any,
        *,
        owner: str,
        annotations: Mapping[str, str] | None = None,
    ) -> Resource:
        """Create or update a resource; an equal specification changes nothing."""
        key = (kind.type, kind.namespace, resource_id)
        old = self._items.get(key)
        if old and old.spec == spec:
            return old
        now = self._now()
        if old:
            new = replace(old, spec=spec, version=old.version + 1, updated=now)
        else:
            new = Resource(
                type=kind.type,
                namespace=kind.namespace,
                id=resource_id,
                spec=spec,
                version=1,
                owner=owner,
                created=now,
                updated=now,
                annotations=dict(annotations or {}),
            )
        self._items[key] = new
        self._tell(
            Change(type=ChangeType.UPDATED if old else ChangeType.CREATED, resource=new, old=old)
        )
        return new

    def remove(self, kind: Kind, resource_id: str) -> None:
        """Destroy a resource if it exists."""
        if old := self._items.pop((kind.type, kind.namespace, resource_id), None):
            gone = replace(old, tearing_down=True)
            self._tell(Change(type=ChangeType.DESTROYED, resource=gone))

    def publish(self, kind: Kind, specs: Mapping[str, Any], *, owner: str) -> None:
        """Make the kind hold exactly `specs` (id to specification), touching only differences."""
        for resource in self.of_kind(kind):
            if resource.id not in specs:
                self.remove(kind, resource.id)
        for resource_id, spec in specs.items():
            self.put(kind, resource_id, spec, owner=owner)

    @contextmanager
    def watch(self, wanted: Filter) -> Iterator[Changes]:
        """Yield a queue that receives every later change of resources that `wanted` accepts."""
        entry = (wanted, Changes())
        self._watchers.append(entry)
        try:
            yield entry[1]
        finally:
            self._watchers.remove(entry)

    def _tell(self, change: Change) -> None:
        for wanted, changes in self._watchers:
            if wanted(change.resource):
                changes.offer(change)
