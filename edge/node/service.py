# SPDX-License-Identifier: Apache-2.0
"""The services of this node: their states, health and recent history."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from edge.node.event import EventBus
from edge.node.resource import kind
from edge.node.resource.store import Store

HISTORY = 64
EXTENSION = "ext-"
"""How the names of services begin that extensions of the image bring."""


class State(StrEnum):
    """Service states in upstream's words."""

    INITIALIZED = "Initialized"
    PREPARING = "Preparing"
    WAITING = "Waiting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    FINISHED = "Finished"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    STARTING = "Starting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One change in a service's life."""

    state: State
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of a service's health; `healthy` is nothing where nobody checks it."""

    healthy: bool | None = None
    message: str = ""
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True, kw_only=True)
class Service:
    """One service."""

    id: str
    state: State = State.INITIALIZED
    health: Health = field(default_factory=Health)
    moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=HISTORY))


Operation = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What operators may do to a service; nothing where it may not be done."""

    start: Operation | None = None
    stop: Operation | None = None
    restart: Operation | None = None


class Services:
    """All services by id; every change is mirrored to the store and the event bus."""

    def __init__(self, store: Store, events: EventBus) -> None:
        self._store = store
        self._events = events
        self._services: dict[str, Service] = {}
        self._operations: dict[str, Operations] = {}

    def __iter__(self) -> Iterator[Service]:
        return iter(sorted(self._services.values(), key=lambda service: service.id))

    def find(self, service_id: str) -> Service | None:
        """Return the service, or nothing."""
        return self._services.get(service_id)

    def enter(self, service_id: str, state: State, message: str) -> None:
        """Note that a service entered a state."""
        service = self._services.setdefault(service_id, Service(id=service_id))
        service.state = state
        service.moments.append(Moment(state=state, message=message, at=datetime.now(UTC)))
        self._mirror(service, message)

    def judge(self, service_id: str, *, healthy: bool, message: str) -> None:
        """Note the result of a health check; only a change of verdict is an event."""
        service = self._services[service_id]
        if service.health.healthy is healthy:
            service.health = replace(service.health, message=message)
            return
        service.health = Health(healthy=healthy, message=message)
        self._mirror(service, message)

    def offer(self, service_id: str, operations: Operations) -> None:
        """Let operators do these things to a service."""
        self._operations[service_id] = operations

    def operations(self, service_id: str) -> Operations:
        """Return what operators may do to a service."""
        return self._operations.get(service_id, Operations())

    def stop_all(self) -> None:
        """Note that every service that runs is being stopped."""
        for service in self:
            if service.state is State.RUNNING:
                self.enter(service.id, State.STOPPING, "The machine is ending")

    def leave(self, service_id: str) -> None:
        """Forget a service that this node no longer runs."""
        self._services.pop(service_id, None)
        self._operations.pop(service_id, None)
        self._store.remove(kind.SERVICE, service_id)

    def all_healthy(self) -> bool:
        """Say whether every service of the node's own runs and none is known to be unhealthy.

        Programs of extensions may wait for hardware that is not there, or be done.
        """
        return all(
            service.state is State.RUNNING and service.health.healthy is not False
            for service in self._services.values()
            if not service.id.startswith(EXTENSION)
        )

    def _mirror(self, service: Service, message: str) -> None:
        health = service.health
        spec = {
            "running": service.state is State.RUNNING,
            "healthy": health.healthy is True,
            "unknown": health.healthy is None,
        }
        self._store.put(kind.SERVICE, service.id, spec, owner="v1alpha1.ServiceController")
        self._events.publish(
            "ServiceStateEvent",
            {
                "service": service.id,
                "action": service.state.name,
                "message": message,
                "health": {
                    "unknown": health.healthy is None,
                    "healthy": health.healthy is True,
                    "last_message": health.message,
                },
            },
        )
