# SPDX-License-Identifier: Apache-2.0
"""Which nodes are there: sightings on several links folded into one record and event per node.

A node is told apart by its id together with its fingerprint, so an impostor with a copied id
shows up as a second node and never replaces the first. Pure state; nothing here waits or sends.
"""

from dataclasses import dataclass, field, replace

from discovery.record import MAX_ADDRESSES, Address, NodeRecord
from edge.events import Event

MAX_SIGHTINGS = 4096

_Identity = tuple[str, str]
_Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFound(Event):
    """A node appeared."""

    node: NodeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChanged(Event):
    """A known node says something else than before."""

    node: NodeRecord
    previous: NodeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLost(Event):
    """A node left, or has not been heard for two minutes."""

    node: NodeRecord


NodeEvent = NodeFound | NodeChanged | NodeLost


@dataclass(slots=True)
class Roster:
    """The nodes in sight; a place is a link and a service name heard there."""

    _places: dict[_Place, NodeRecord] = field(default_factory=dict)
    _nodes: dict[_Identity, NodeRecord] = field(default_factory=dict)

    def put(self, link: str, name: str, record: NodeRecord) -> list[NodeEvent]:
        """Note that `record` was announced at this place."""
        place = (link, name)
        if place not in self._places and len(self._places) >= MAX_SIGHTINGS:
            return []
        before = self._places.pop(place, None)
        self._places[place] = record
        moved = before is not None and _identity(before) != _identity(record)
        events = self._settle(_identity(before)) if moved and before is not None else []
        return events + self._settle(_identity(record))

    def drop(self, link: str, name: str) -> list[NodeEvent]:
        """Note that nothing is announced at this place any more."""
        before = self._places.pop((link, name), None)
        return self._settle(_identity(before)) if before is not None else []

    def names(self, link: str) -> tuple[str, ...]:
        """Return the service names in sight on `link`."""
        return tuple(name for where, name in self._places if where == link)

    def nodes(self) -> list[NodeRecord]:
        """Return every node in sight, by name."""
        return sorted(self._nodes.values(), key=lambda node: (node.name, node.id, node.fingerprint))

    def _settle(self, identity: _Identity) -> list[NodeEvent]:
        sightings = [one for one in self._places.values() if _identity(one) == identity]
        previous = self._nodes.pop(identity, None)
        if not sightings:
            return [NodeLost(node=previous)] if previous else []
        node = self._nodes[identity] = _fold(sightings, previous)
        if previous is None:
            return [NodeFound(node=node)]
        return [NodeChanged(node=node, previous=previous)] if node != previous else []


def _identity(record: NodeRecord) -> _Identity:
    return record.id, record.fingerprint


def _fold(sightings: list[NodeRecord], previous: NodeRecord | None) -> NodeRecord:
    """Return the latest sighting with every address, the link first used kept in front."""
    latest = sightings[-1]
    home = previous.interface if previous else sightings[0].interface
    ordered = sorted(sightings, key=lambda one: one.interface != home)
    addresses: dict[Address, None] = {}
    for sighting in ordered:
        addresses.update(dict.fromkeys(sighting.addresses))
    return replace(
        latest, interface=ordered[0].interface, addresses=tuple(addresses)[:MAX_ADDRESSES]
    )
