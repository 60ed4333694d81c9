# SPDX-License-Identifier: Apache-2.0
"""What the interface needs from the world, as one small protocol and the plain values it speaks.

`tui.backend` is the real thing; tests hand the app a fake that passes the same conformance suite.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from discovery.record import NodeRecord
from edge.client.model import Applied, ServiceStatus, Usage

KERNEL_LOG = "kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to reach a node, and what the network claims about its key."""

    key: str
    endpoints: tuple[str, ...]
    """host:port, best first."""
    fingerprint: str = ""
    """Claimed by mDNS; who shows another one is another node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What mDNS said about a node; `claimed_card` has the key that the node claims to have."""

    record: NodeRecord
    in_sight: bool = True
    claimed_card: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who answered, by the key of its TLS handshake, and the card with that key if it is ours."""

    fingerprint: str = ""
    card: int | None = None
    flashed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What only the screen of one node shows."""

    services: tuple[ServiceStatus, ...] = ()
    addresses: tuple[str, ...] = ()
    diagnostics: tuple[str, ...] = ()
    cluster: str = ""
    machine_type: str = ""
    product: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a node said when it was asked."""

    endpoint: str
    identity: Identity
    maintenance: bool
    stage: str
    ready: bool = True
    unmet: tuple[str, ...] = ()
    name: str
    version: str
    arch: str = ""
    platform: str = ""
    usage: Usage
    detail: Detail | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A configuration file that was read and found valid."""

    path: Path
    text: str = field(repr=False)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What applying a candidate to a node would do, for somebody to confirm."""

    candidate: Candidate
    endpoint: str
    identity: Identity
    maintenance: bool
    diff: str
    """Unified, with secrets named by number; nothing when nothing changes."""

    @property
    def is_stranger(self) -> bool:
        """Say whether the node is in maintenance and on no card that was flashed here."""
        return self.maintenance and self.identity.card is None


class NodeServices(Protocol):
    """Finds nodes and talks to them. Every call raises EdgeError when it cannot, and only that."""

    @property
    def configured(self) -> tuple[str, ...]:
        """Return the addresses of nodes that the user named."""
        ...

    def links(self) -> tuple[str, ...]:
        """Return the network links that are listened on, without loopback."""
        ...

    def watch(self) -> AsyncGenerator[Sighting, None]:
        """Yield what happens to the nodes in sight; ends at once where nobody is to listen."""
        ...

    async def report(self, target: Target, *, full: bool) -> Report:
        """Ask a node how it is; `full` asks for the detail too."""
        ...

    async def check(self, path: Path) -> Candidate:
        """Read and validate a configuration file; every fault is raised at once."""
        ...

    async def compare(self, target: Target, candidate: Candidate) -> Change:
        """Ask a node who it is and what it has, and compare."""
        ...

    async def apply(self, target: Target, change: Change) -> Applied:
        """Send the configuration to the very node that was compared with."""
        ...

    async def reboot(self, target: Target) -> None:
        """Restart a configured node."""
        ...

    async def reset(self, target: Target) -> None:
        """Wipe a configured node's STATE and EPHEMERAL and restart it into maintenance."""
        ...

    async def log_names(self, target: Target) -> tuple[str, ...]:
        """Return the names of a node's logs, the kernel's among them."""
        ...

    def follow(self, target: Target, log: str) -> AsyncGenerator[str, None]:
        """Yield the last lines of a log and every later one."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
