# SPDX-License-Identifier: Apache-2.0
"""What nodes tell, as plain values; protobuf messages stay inside this package."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeVersion:
    """What software a node runs."""

    tag: str
    built: str
    arch: str
    platform: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """One service; `healthy` is nothing where nobody checks."""

    id: str
    state: str
    healthy: bool | None
    message: str
    since: datetime
    events: tuple[tuple[datetime, str, str], ...] = ()

    @property
    def health(self) -> str:
        """Return the health as a word: OK, Fail or ?."""
        return {True: "OK", False: "Fail", None: "?"}[self.healthy]


class ApplyMode(StrEnum):
    """How a configuration takes effect, in the user's words."""

    AUTO = "auto"
    NO_REBOOT = "no-reboot"
    REBOOT = "reboot"
    STAGED = "staged"
    TRY = "try"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a node did with a configuration."""

    mode: str
    details: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Processor and memory of a node at one moment; processor times are seconds since boot."""

    cpu_busy: float
    cpu_total: float
    cpu_count: int
    memory_total_bytes: int
    memory_available_bytes: int
    load: tuple[float, float, float]
    boot_time: float

    @property
    def memory_used_bytes(self) -> int:
        """Return the memory that is not available."""
        return self.memory_total_bytes - self.memory_available_bytes

    def cpu_percent(self, before: "Usage | None") -> float:
        """Return the share of processor time in use since `before`, or since boot."""
        busy = self.cpu_busy - (before.cpu_busy if before else 0)
        total = self.cpu_total - (before.cpu_total if before else 0)
        return 100 * busy / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A resource kind as the node describes it."""

    type: str
    display: str
    namespace: str
    names: frozenset[str]
    columns: tuple[tuple[str, str], ...]
    sensitive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A controller reads or writes a kind of resources, or the one of them called `id`."""

    controller: str
    edge: str
    """Such as "output_exclusive" or "input_weak"."""
    namespace: str
    """Empty for the kind's own."""
    type: str
    id: str

    @property
    def is_output(self) -> bool:
        """Whether the controller writes what it is about."""
        return self.edge.startswith("output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One resource: metadata and specification as YAML would show them."""

    metadata: Mapping[str, Any]
    spec: Any

    @property
    def id(self) -> str:
        """Return the resource's id."""
        return str(self.metadata["id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A change of a watched resource: "created", "updated", "destroyed" or "bootstrapped"."""

    event: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event of a node: its type without package, its fields, who caused it."""

    id: str
    type: str
    actor: str
    fields: Mapping[str, Any] = field(default_factory=dict)
