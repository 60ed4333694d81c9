# SPDX-License-Identifier: Apache-2.0
"""The real services, over a lab node, do what every implementation has to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.errors import NodeError, TrustError
from edge.pki.secrets import SecretsBundle
from edge.provision.lab import Lab, LabNode
from flasher.record import CardRecords, card_records
from tests.fakes.nodes import fingerprint
from tests.fakes.services_conformance import Bench, ServicesConformance, reported
from tui.backend import Backend
from tui.keyring import Keyring
from tui.services import Target


def target_of(node: LabNode) -> Target:
    """Return where to find a lab node."""
    return Target(key=node.name, endpoints=(f"{node.address}:50000",), fingerprint=node.fingerprint)


@pytest.fixture
def node(lab: Lab) -> LabNode:
    """Return a running node in maintenance."""
    return lab.up(1)[0]


class TestBackend(ServicesConformance):
    """Against a node process over TLS on loopback."""

    @pytest.fixture
    async def bench(
        self, node: LabNode, files: Path, secrets: SecretsBundle
    ) -> AsyncIterator[Bench]:
        """Return services that have no client configuration until one is adopted."""
        services = Backend(Keyring(None), card_records())
        yield Bench(
            services=services,
            target=target_of(node),
            dead=Target(key="dead", endpoints=("127.42.255.254:50000",)),
            valid=files / "controlplane.yaml",
            broken=files / "broken.yaml",
            secret=secrets.trustd_token,
        )
        await services.close()


async def test_stranger_is_told_and_configured_only_with_its_key(
    node: LabNode, files: Path, tmp_path: Path
) -> None:
    """A node whose card was flashed elsewhere is a stranger; it refuses who lacks its secret."""
    services = Backend(Keyring(None), CardRecords(tmp_path / "other.db"))
    try:
        candidate = await services.check(files / "controlplane.yaml")
        change = await services.compare(target_of(node), candidate)
        assert change.is_stranger
        with pytest.raises(TrustError):
            await services.apply(target_of(node), change)
    finally:
        await services.close()


async def test_configured_node_needs_a_client_configuration(
    lab: Lab, node: LabNode, files: Path, tmp_path: Path
) -> None:
    """Without one, or with another cluster's, there is no access; with the right one there is."""
    talosconfig = (files / "talosconfig").rename(tmp_path / "elsewhere")
    services = Backend(Keyring(None), card_records())
    target = target_of(node)
    candidate = await services.check(files / "controlplane.yaml")
    await services.apply(target, await services.compare(target, candidate))
    owner = Backend(Keyring(talosconfig), card_records())
    try:
        report = await reported(owner, target, "running")
        assert not report.maintenance
        with pytest.raises(TrustError, match="no client configuration"):
            await services.report(target, full=False)
    finally:
        await services.close()
        await owner.close()


async def test_pins_are_kept(node: LabNode) -> None:
    """With pins, nobody else is talked to."""
    services = Backend(Keyring(None), card_records(), pins=(fingerprint("other"),))
    with pytest.raises(TrustError, match="not the expected node"):
        await services.report(target_of(node), full=False)


async def test_second_address_is_tried(node: LabNode) -> None:
    """A node that was heard with a dead address first is reached at the next one."""
    services = Backend(Keyring(None), card_records())
    alive = target_of(node)
    target = Target(
        key="both",
        endpoints=("127.42.255.254:50000", *alive.endpoints),
        fingerprint=alive.fingerprint,
    )
    try:
        assert (await services.report(target, full=False)).endpoint == alive.endpoints[0]
    finally:
        await services.close()


async def test_node_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who takes connections and never answers costs a deadline, not the interface."""
    monkeypatch.setattr("tui.backend.REPORT_DEADLINE_S", 0.5)
    guests: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: guests.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    services = Backend(Keyring(None), card_records())
    with pytest.raises(NodeError, match="did not answer"):
        await services.report(Target(key="mute", endpoints=(f"127.0.0.1:{port}",)), full=False)
    server.close()
    for guest in guests:
        guest.close()
        await guest.wait_closed()
