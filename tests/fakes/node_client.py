# SPDX-License-Identifier: Apache-2.0
"""A client whose node exists in a test alone: it answers from fields, or not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from edge.client.client import NodeClient
from edge.client.model import (
    Definition,
    Dependency,
    Document,
    Happening,
    NodeVersion,
    ServiceStatus,
)
from edge.client.report import Connection, DiskStatus, Mounted, ProcessStatus, SocketQuery
from edge.errors import NodeError, TrustError

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
STATUS = "MachineStatuses.runtime.talos.dev"
TIME = "TimeStatuses.v1alpha1.talos.dev"
MEMBERS = "Members.cluster.talos.dev"
DIAGNOSTICS = "Diagnostics.runtime.talos.dev"


def service(name: str, state: str = "Running", *, healthy: bool | None = True) -> ServiceStatus:
    """Return how a service is."""
    return ServiceStatus(id=name, state=state, healthy=healthy, message="", since=LONG_AGO)


@dataclass
class FakeClient:
    """As much of a client as checks and bundles use; `dead` is why nothing is answered."""

    node: str
    dead: str = ""
    specs: dict[str, list[Any]] = field(default_factory=dict)
    sensitive: frozenset[str] = frozenset()
    running: list[ServiceStatus] = field(default_factory=lambda: [service("apid")])
    log: dict[str, list[str]] = field(default_factory=dict)
    dead_calls: int = 1 << 30
    """After so many attempts the dead answer."""
    calls: int = 0

    def __post_init__(self) -> None:
        running = {"stage": "running", "status": {"ready": True, "unmetConditions": []}}
        self.specs = {
            STATUS: [running],
            TIME: [{"synced": True}],
            MEMBERS: [],
            DIAGNOSTICS: [],
            **self.specs,
        }

    @asynccontextmanager
    async def open(self) -> AsyncIterator[NodeClient]:
        """Give this as what a real client is."""
        self.calls += 1
        if self.dead and self.calls <= self.dead_calls:
            raise NodeError(f"{self.node} cannot be reached: {self.dead}")
        yield cast("NodeClient", self)

    async def version(self) -> NodeVersion:
        """Return a version."""
        return NodeVersion(tag="v1", built="", arch="arm64", platform="board", mode="metal")

    async def services(self) -> list[ServiceStatus]:
        """Return the services."""
        return self.running

    async def resource(self, type_: str, namespace: str, resource_id: str) -> Document:
        """Return the first resource of a type."""
        found = (await self.resources(type_, namespace))[0]
        return Document(metadata={**found.metadata, "id": resource_id}, spec=found.spec)

    async def resources(self, type_: str, namespace: str) -> list[Document]:
        """Return the resources of a type."""
        if type_ not in self.specs:
            raise TrustError(f'resource type "{type_}" is not supported')
        return [
            Document(metadata={"namespace": namespace, "type": type_, "id": str(at)}, spec=spec)
            for at, spec in enumerate(self.specs[type_])
        ]

    async def definitions(self) -> list[Definition]:
        """Return the kinds that there are resources of."""
        return [
            Definition(
                type=type_,
                display=type_,
                namespace="n",
                names=frozenset(),
                columns=(),
                sensitive=type_ in self.sensitive,
            )
            for type_ in self.specs
        ]

    async def memory(self) -> dict[str, int]:
        """Return some memory."""
        return {"memtotal": 1}

    async def mounts(self) -> list[Mounted]:
        """Return nothing mounted."""
        return []

    async def disks(self) -> list[DiskStatus]:
        """Fail, as a call does that a node does not have."""
        raise NodeError(f"{self.node} cannot do that")

    async def processes(self) -> list[ProcessStatus]:
        """Return no process."""
        return []

    async def connections(self, _query: SocketQuery) -> list[Connection]:
        """Return no socket."""
        return []

    async def dependencies(self) -> list[Dependency]:
        """Return no edge."""
        return []

    async def log_names(self) -> list[str]:
        """Return the names of the logs."""
        return list(self.log)

    async def logs(self, name: str) -> AsyncIterator[str]:
        """Yield a log."""
        for line in self.log[name]:
            yield line

    async def dmesg(self) -> AsyncIterator[str]:
        """Yield a line, then fail."""
        yield "booting"
        raise NodeError(f"{self.node} hung up")

    async def events(self, _tail: int) -> AsyncIterator[Happening]:
        """Yield one event."""
        yield Happening(id="1", type="PhaseEvent", actor="")
