# SPDX-License-Identifier: Apache-2.0
"""Lab nodes: real node processes with flashed disks, and a cluster's configurations for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from edge.client.client import NodeClient, connect
from edge.client.model import Applied, ApplyMode
from edge.client.trust import Blind, Mutual, Pinned
from edge.config.generate import Generated, generate
from edge.errors import NodeError, TrustError
from edge.pki.secrets import SecretsBundle, load_secrets
from edge.provision.lab import Lab, LabNode
from flasher.record import CardRecords

GOLDEN = Path(__file__).parents[2] / "golden"
PATIENCE_S = 60.0
T = TypeVar("T")


@dataclass
class Bench:
    """A lab, and one cluster to make its nodes members of."""

    lab: Lab
    records: CardRecords
    secrets: SecretsBundle

    def start(self, name: str, *, enrolment: bool = True) -> LabNode:
        """Flash a node if there is none of this name, and switch it on."""
        if name not in {node.name for node in self.lab.nodes()}:
            self.lab.create(name, enrolment=enrolment)
        return self.lab.start(name)

    def generate(self, node: LabNode) -> Generated:
        """Generate configurations of a cluster whose control plane is `node`."""
        now = datetime.now(UTC)
        return generate("bench", f"https://{node.address}:6443", self.secrets, now=now)

    def mutual(self, node: LabNode) -> Mutual:
        """Return the administrator's trust."""
        context = self.generate(node).talosconfig.contexts["bench"]
        return Mutual(ca=context.ca, crt=context.crt, key=context.key)

    def secret(self, node: LabNode) -> bytes | None:
        """Return the enrolment secret of the node's card."""
        card = self.records.find_by_fingerprint(node.fingerprint)
        return card.attempt.secret if card else None

    @asynccontextmanager
    async def maintenance(self, node: LabNode) -> AsyncIterator[NodeClient]:
        """Connect to a node that waits for a configuration."""
        async with connect(node.address, Pinned(fingerprints={node.fingerprint})) as client:
            yield client

    @asynccontextmanager
    async def administrator(self, node: LabNode) -> AsyncIterator[NodeClient]:
        """Connect to a configured node, once it answers as such."""
        trust = self.mutual(node)

        async def call() -> None:
            async with connect(node.address, trust) as client:
                await client.version()

        await patiently(call)
        async with connect(node.address, trust) as client:
            yield client

    async def apply(self, node: LabNode, text: str, **more: ApplyMode | bool) -> Applied:
        """Apply a configuration to a node in maintenance, with the card's proof."""
        async with connect(node.address, Blind()) as client:
            mode = more.get("mode", ApplyMode.AUTO)
            assert isinstance(mode, ApplyMode)
            client.enrolment_secret = self.secret(node)
            return await client.apply(text, mode=mode)

    async def stage(self, node: LabNode) -> str:
        """Return the node's stage, whichever of the two ways it is to be asked."""

        async def ask() -> str:
            try:
                async with connect(node.address, self.mutual(node)) as client:
                    return await _stage(client)
            except (NodeError, TrustError):
                async with connect(node.address, Blind()) as client:
                    return await _stage(client)

        return await patiently(ask)


async def _stage(client: NodeClient) -> str:
    document = await client.resource("MachineStatuses.runtime.talos.dev", "runtime", "machine")
    return str(document.spec["stage"])


async def patiently(action: Callable[[], Awaitable[T]]) -> T:
    """Return what `action` returns once it works."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await action()
            except (NodeError, TrustError, AssertionError):
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    records = CardRecords(folder / "cards.sqlite3")
    lab = Lab(folder / "lab", records)
    secrets = load_secrets((GOLDEN / "config/secrets.yaml").read_text())
    yield Bench(lab, records, secrets)
    lab.down()
