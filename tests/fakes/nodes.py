# SPDX-License-Identifier: Apache-2.0
"""Nodes that live in memory, and the services of the terminal interface over them."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from discovery.record import NodeRecord, NodeState
from edge.client.model import Applied, ServiceStatus, Usage
from edge.config.diff import diff
from edge.config.validate import load_valid
from edge.errors import NodeError, TrustError
from edge.text import read_text
from edge.units import GIB, MIB
from tui.services import (
    KERNEL_LOG,
    Candidate,
    Change,
    Detail,
    Identity,
    Report,
    Sighting,
    Target,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOOTED = NOW.timestamp() - 7265


def fingerprint(seed: str) -> str:
    """Return something that looks like a fingerprint and differs by seed."""
    return f"{(seed.encode().hex() * 22)[:43]}="


@dataclass(slots=True, kw_only=True)
class FakeNode:
    """One node: change its fields and it answers otherwise."""

    name: str
    address: str
    card: int | None = None
    configuration: str = ""
    stage: str = ""
    unmet: tuple[str, ...] = ()
    diagnostics: tuple[str, ...] = ()
    alive: bool = True
    refuses: bool = False
    busy: float = 100.0
    asked: int = 0
    logs: dict[str, list[str]] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Return host:port."""
        return f"{self.address}:50000"

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of its key."""
        return fingerprint(self.name)

    @property
    def record(self) -> NodeRecord:
        """Return what it announces."""
        state = NodeState.RUNNING if self.configuration else NodeState.MAINTENANCE
        return NodeRecord(
            name=self.name,
            addresses=(ip_address(self.address),),
            interface="eth0",
            id=f"id-{self.name}",
            state=state,
            version="0.1.0",
            arch="arm64",
            board="rpi4",
            fingerprint=self.fingerprint,
        )

    def target(self) -> Target:
        """Return where to find it."""
        return Target(
            key=f"id-{self.name}", endpoints=(self.endpoint,), fingerprint=self.fingerprint
        )


class FakeServices:
    """Answers for its nodes at once, or not at all."""

    def __init__(self, *nodes: FakeNode, configured: tuple[str, ...] = ()) -> None:
        self.nodes = list(nodes)
        self.configured = configured
        self.network: tuple[str, ...] = ("eth0",)
        self.deaf = ""
        self.applied: list[tuple[str, str]] = []
        self.closed = False
        self._sightings: asyncio.Queue[Sighting] = asyncio.Queue()

    def links(self) -> tuple[str, ...]:
        """Return the links that there are said to be."""
        return self.network

    def announce(self, node: FakeNode, *, in_sight: bool = True) -> None:
        """Have mDNS say what the node is now, or that it left."""
        sighting = Sighting(record=node.record, in_sight=in_sight, claimed_card=node.card)
        self._sightings.put_nowait(sighting)

    async def watch(self) -> AsyncGenerator[Sighting, None]:
        """Yield every node once, then what is announced."""
        if self.deaf:
            raise NodeError(self.deaf)
        for node in self.nodes:
            if node.endpoint not in self.configured:
                yield Sighting(record=node.record, claimed_card=node.card)
        while True:
            yield await self._sightings.get()

    async def report(self, target: Target, *, full: bool) -> Report:
        """Return how the node is."""
        node = self._find(target)
        node.asked += 1
        stage = node.stage or ("running" if node.configuration else "maintenance")
        return Report(
            endpoint=node.endpoint,
            identity=_identity(node),
            maintenance=not node.configuration,
            stage=stage,
            ready=not node.unmet,
            unmet=node.unmet,
            name=node.name,
            version="v0.1.0",
            arch="arm64",
            platform="metal",
            usage=_usage(node),
            detail=_detail(node) if full else None,
        )

    async def check(self, path: Path) -> Candidate:
        """Read and validate a real file."""
        text = read_text(path)
        _, warnings = load_valid(text, source=path.name)
        return Candidate(path=path, text=text, warnings=warnings)

    async def compare(self, target: Target, candidate: Candidate) -> Change:
        """Compare with what the node has."""
        node = self._find(target)
        return Change(
            candidate=candidate,
            endpoint=node.endpoint,
            identity=_identity(node),
            maintenance=not node.configuration,
            diff=diff(node.configuration, candidate.text),
        )

    async def apply(self, target: Target, change: Change) -> Applied:
        """Have the node run the configuration."""
        node = self._find(target)
        node.configuration = change.candidate.text
        self.applied.append((node.name, change.candidate.text))
        self.announce(node)
        return Applied(
            mode="no_reboot",
            details="Applied configuration without a reboot",
            warnings=change.candidate.warnings,
        )

    async def reboot(self, target: Target) -> None:
        """Note that the node restarts."""
        self._configured(target).stage = "rebooting"

    async def reset(self, target: Target) -> None:
        """Take the node's configuration."""
        node = self._configured(target)
        node.configuration = ""
        self.announce(node)

    async def log_names(self, target: Target) -> tuple[str, ...]:
        """Return the names of the node's logs."""
        return (*self._find(target).logs, KERNEL_LOG)

    async def follow(self, target: Target, log: str) -> AsyncGenerator[str, None]:
        """Yield the lines there are and wait for more, for ever."""
        for line in self._find(target).logs.get(log, [f"{log}: first line"]):
            yield line
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Note that nothing is needed any more."""
        self.closed = True

    def _find(self, target: Target) -> FakeNode:
        node = next((each for each in self.nodes if each.endpoint in target.endpoints), None)
        if node is None or not node.alive:
            raise NodeError(f"{target.endpoints[0]} cannot be reached: connection refused")
        if target.fingerprint and target.fingerprint != node.fingerprint:
            raise TrustError(f"{node.endpoint} is not the expected node")
        if node.refuses:
            raise TrustError(f"{node.endpoint}: its certificate is not from this cluster")
        return node

    def _configured(self, target: Target) -> FakeNode:
        node = self._find(target)
        if not node.configuration:
            raise TrustError(f"{node.endpoint}: not authorized")
        return node


def _identity(node: FakeNode) -> Identity:
    flashed = NOW if node.card else None
    return Identity(fingerprint=node.fingerprint, card=node.card, flashed=flashed)


def _usage(node: FakeNode) -> Usage:
    # Each answer lies a second of two processors after the last, a quarter of it busy.
    return Usage(
        cpu_busy=node.busy + 0.5 * node.asked,
        cpu_total=4 * node.busy + 2.0 * node.asked,
        cpu_count=2,
        memory_total_bytes=4 * GIB,
        memory_available_bytes=4 * GIB - 768 * MIB,
        load=(0.5, 0.25, 0.1),
        boot_time=BOOTED,
    )


def _detail(node: FakeNode) -> Detail:
    return Detail(
        services=(
            _service("apid", healthy=True, message="Serving on port 50000"),
            _service("machined", healthy=True, message="Service started as process"),
            _service("mdns", healthy=None, message="Announcing this node"),
        ),
        addresses=(f"{node.address}/24",),
        diagnostics=node.diagnostics,
        cluster="home" if node.configuration else "",
        machine_type="controlplane" if node.configuration else "",
        product="Raspberry Pi 4 Model B",
    )


def _service(name: str, *, healthy: bool | None, message: str) -> ServiceStatus:
    return ServiceStatus(id=name, state="Running", healthy=healthy, message=message, since=NOW)
