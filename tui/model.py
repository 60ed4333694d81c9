# SPDX-License-Identifier: Apache-2.0
"""Every node the interface knows, folded from what was named, heard and answered.

```
 named by the user ─┐                       answered ──► maintenance | running | rebooting …
                    ├─► looking ──asked──┤
 heard by mDNS ─────┘   (or what it says)   not      ──► unreachable, or no access, with the reason
```
Pure state: nothing here waits, sends or draws.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from discovery.record import API_PORT, NodeRecord, NodeState
from edge.client.model import Usage
from tui.services import Identity, Report, Sighting, Target

HISTORY: Final = 120


class State(StrEnum):
    """What a node is doing, as a word; `glyph` and `tone` go with it."""

    LOOKING = "looking"
    BOOTING = "booting"
    MAINTENANCE = "maintenance"
    RUNNING = "running"
    NOT_READY = "not ready"
    NO_ACCESS = "no access"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a node could not be asked; `refused` when it answers, but not us."""

    reason: str
    hint: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node as it is known now."""

    key: str
    given: str = ""
    """The address that the user named, if that is how we know it."""
    sighting: Sighting | None = None
    report: Report | None = None
    failure: Failure | None = None
    last_seen: datetime | None = None
    cpu: tuple[float, ...] = ()
    """Percent of the processor in use, latest last."""
    memory: tuple[float, ...] = ()

    @property
    def record(self) -> NodeRecord | None:
        """Return what mDNS said last."""
        return self.sighting.record if self.sighting else None

    @property
    def in_sight(self) -> bool:
        """Say whether mDNS hears it now."""
        return bool(self.sighting and self.sighting.in_sight)

    @property
    def state(self) -> State:
        """Return what it is doing as far as we know."""
        if self.failure:
            return State.NO_ACCESS if self.failure.refused else State.UNREACHABLE
        if self.report:
            return _reported_state(self.report)
        announced = self.record.state if self.record else NodeState.UNKNOWN
        return _ANNOUNCED[announced]

    @property
    def stage(self) -> str:
        """Return the state in words, with the node's own word while it is neither up nor down."""
        if self.state is State.BOOTING and self.report:
            return self.report.stage or State.BOOTING
        return self.state

    @property
    def name(self) -> str:
        """Return its host name, or what else it can be called."""
        if self.report and self.report.name:
            return self.report.name
        return self.record.name if self.record else ""

    @property
    def label(self) -> str:
        """Return name and address for a sentence."""
        return f"{self.name} ({self.endpoint})" if self.name else self.endpoint

    @property
    def endpoint(self) -> str:
        """Return host:port of where it answers, or should."""
        return self.report.endpoint if self.report else next(iter(self.endpoints), "")

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Return every host:port to try, best first."""
        heard = _endpoints(self.record) if self.record else ()
        return tuple(dict.fromkeys((*((self.given,) if self.given else ()), *heard)))

    @property
    def address(self) -> str:
        """Return where it answers, without the port that all nodes use."""
        return self.endpoint.removesuffix(f":{API_PORT}")

    @property
    def board(self) -> str:
        """Return its board as announced, or else its platform."""
        announced = self.record.board if self.record else ""
        return announced or (self.report.platform if self.report else "")

    @property
    def version(self) -> str:
        """Return the version it runs."""
        reported = self.report.version if self.report else ""
        return (reported or (self.record.version if self.record else "")).removeprefix("v")

    @property
    def identity(self) -> Identity | None:
        """Return who it proved to be by its TLS key."""
        return self.report.identity if self.report and self.report.identity.fingerprint else None

    @property
    def is_configured(self) -> bool:
        """Say whether it answered us as a configured node."""
        return bool(self.report and not self.report.maintenance and not self.failure)

    def is_at(self, endpoint: str) -> bool:
        """Say whether it is to be found at `endpoint`."""
        return endpoint in self.endpoints


class Fleet:
    """All nodes by key, in the order in which they became known."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def name(self, endpoint: str) -> str:
        """Note a node that the user named; return its key."""
        known = next((node.key for node in self.nodes.values() if node.is_at(endpoint)), None)
        if known is not None:
            return known
        self.nodes[endpoint] = Node(key=endpoint, given=endpoint)
        return endpoint

    def hear(self, sighting: Sighting, now: datetime) -> str:
        """Note what mDNS said; return the key of the node that it is about."""
        key = self._key_of(sighting.record)
        node = self.nodes.get(key) or Node(key=key)
        seen = now if sighting.in_sight else node.last_seen
        self.nodes[key] = replace(node, sighting=sighting, last_seen=seen)
        if sighting.in_sight:
            self._replace_departed(key)
        return key

    def answer(self, key: str, report: Report, now: datetime) -> None:
        """Note what a node answered."""
        if (node := self.nodes.get(key)) is None:
            return
        usage = report.usage
        share = 100 * usage.memory_used_bytes / max(usage.memory_total_bytes, 1)
        if report.detail is None and node.report and node.report.maintenance == report.maintenance:
            report = replace(report, detail=node.report.detail)
        self.nodes[key] = replace(
            node,
            report=report,
            failure=None,
            last_seen=now,
            cpu=_cpu(node, usage),
            memory=(*node.memory, share)[-HISTORY:],
        )

    def fail(self, key: str, failure: Failure, now: datetime) -> None:
        """Note that a node could not be asked; one that refuses us is there all the same."""
        if node := self.nodes.get(key):
            seen = now if failure.refused else node.last_seen
            self.nodes[key] = replace(node, failure=failure, last_seen=seen)

    def forget(self, key: str) -> None:
        """Drop a node that nobody needs to see any more."""
        self.nodes.pop(key, None)

    def target(self, key: str) -> Target | None:
        """Return where to reach a node, or nothing when it is forgotten."""
        node = self.nodes.get(key)
        if node is None:
            return None
        claimed = node.record.fingerprint if node.record else ""
        return Target(key=key, endpoints=node.endpoints, fingerprint=claimed)

    def count(self, state: State) -> int:
        """Return how many nodes are in a state."""
        return sum(node.state is state for node in self.nodes.values())

    def _key_of(self, record: NodeRecord) -> str:
        identity = _identity(record)
        for node in self.nodes.values():
            if node.record and _identity(node.record) == identity:
                return node.key
        for node in self.nodes.values():
            if node.record is None and node.given in _endpoints(record):
                return node.key
        return record.id if record.id not in self.nodes else f"{record.id}/{record.fingerprint}"

    def _replace_departed(self, key: str) -> None:
        """Drop nodes that left and at whose address this one is now: their card was rewritten."""
        for other in list(self.nodes.values()):
            shared = set(other.endpoints) & set(self.nodes[key].endpoints)
            if other.key != key and shared and not other.in_sight and not other.given:
                del self.nodes[other.key]


_ANNOUNCED: Final = {
    NodeState.UNKNOWN: State.LOOKING,
    NodeState.BOOTING: State.BOOTING,
    NodeState.MAINTENANCE: State.MAINTENANCE,
    NodeState.RUNNING: State.RUNNING,
}


def _reported_state(report: Report) -> State:
    if report.stage == "maintenance":
        return State.MAINTENANCE
    if report.stage == "running":
        return State.RUNNING if report.ready else State.NOT_READY
    return State.BOOTING


def _identity(record: NodeRecord) -> tuple[str, str]:
    return record.id, record.fingerprint


def _endpoints(record: NodeRecord) -> tuple[str, ...]:
    return tuple(
        f"[{address}]:{record.port}" if address.version == 6 else f"{address}:{record.port}"
        for address in record.addresses
    )


def _cpu(node: Node, usage: Usage) -> tuple[float, ...]:
    """Return the history with the share since the last answer; the first has none to compare."""
    before = node.report.usage if node.report else None
    if before is None or usage.cpu_total < before.cpu_total:
        return ()
    if usage.cpu_total == before.cpu_total:
        return node.cpu
    return (*node.cpu, usage.cpu_percent(before))[-HISTORY:]
