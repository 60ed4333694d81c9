# SPDX-License-Identifier: Apache-2.0
"""What every implementation of the interface's services has to do, real or fake."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge.errors import ConfigError, EdgeError, NodeError, TrustError
from tests.fakes.nodes import fingerprint
from tui.services import KERNEL_LOG, NodeServices, Report, Target

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Services with one node in maintenance on a card of ours, and files to apply to it."""

    services: NodeServices
    target: Target
    dead: Target
    valid: Path
    broken: Path
    secret: str


class ServicesConformance:
    """Subclass it with a fixture `bench`."""

    async def test_maintenance_node_reports_itself(self, bench: Bench) -> None:
        """A node in maintenance says its stage and proves its card."""
        report = await bench.services.report(bench.target, full=False)
        assert (report.maintenance, report.stage) == (True, "maintenance")
        assert report.identity.fingerprint == bench.target.fingerprint
        assert report.identity.card is not None
        assert report.usage.memory_used_bytes > 0
        assert report.detail is None

    async def test_full_report_has_services(self, bench: Bench) -> None:
        """The detail names services and addresses."""
        detail = (await bench.services.report(bench.target, full=True)).detail
        assert detail is not None
        assert "machined" in [service.id for service in detail.services]
        assert detail.addresses

    async def test_dead_node_is_a_node_error(self, bench: Bench) -> None:
        """Nobody there is told from somebody who refuses."""
        with pytest.raises(NodeError, match="refused"):
            await bench.services.report(bench.dead, full=False)

    async def test_other_key_is_a_trust_error(self, bench: Bench) -> None:
        """A node with another key than announced is another node."""
        impostor = replace(bench.target, key="impostor", fingerprint=fingerprint("other"))
        with pytest.raises(TrustError, match="not the expected node"):
            await bench.services.report(impostor, full=False)

    async def test_faults_of_a_file_are_all_told(self, bench: Bench) -> None:
        """A broken file raises every fault; a missing one says so."""
        with pytest.raises(ConfigError) as caught:
            await bench.services.check(bench.broken)
        assert len(caught.value.faults) >= 2
        with pytest.raises(ConfigError, match="No such file"):
            await bench.services.check(bench.broken.with_name("missing.yaml"))

    async def test_difference_hides_secrets(self, bench: Bench) -> None:
        """In maintenance everything is added, and no secret is shown."""
        candidate = await bench.services.check(bench.valid)
        change = await bench.services.compare(bench.target, candidate)
        lines = [line for line in change.diff.splitlines() if not line.startswith(("---", "@@"))]
        assert lines
        assert all(line.startswith("+") for line in lines)
        assert bench.secret in candidate.text
        assert bench.secret not in change.diff
        assert not change.is_stranger

    async def test_maintenance_node_refuses_to_reboot(self, bench: Bench) -> None:
        """What a node does not do is an error of ours, never a foreign exception."""
        with pytest.raises(EdgeError, match="not authorized"):
            await bench.services.reboot(bench.target)

    async def test_life_of_a_node(self, bench: Bench) -> None:
        """Applied, a node runs that very configuration; reset, it waits for one again."""
        services, target = bench.services, bench.target
        candidate = await services.check(bench.valid)
        applied = await services.apply(target, await services.compare(target, candidate))
        assert "Applied" in applied.details
        report = await reported(services, target, "running")
        assert not report.maintenance
        assert report.identity.card is not None
        assert (await services.compare(target, candidate)).diff == ""
        await services.reset(target)
        await reported(services, target, "maintenance")

    async def test_kernel_log_is_among_the_logs(self, bench: Bench) -> None:
        """Every log that is named can be followed."""
        names = await bench.services.log_names(bench.target)
        assert KERNEL_LOG in names
        async with asyncio.timeout(PATIENCE_S):
            async with aclosing(bench.services.follow(bench.target, KERNEL_LOG)) as lines:
                assert await anext(lines)

    async def test_node_is_seen(self, bench: Bench) -> None:
        """Watching finds the node and the card that it claims."""
        async with asyncio.timeout(PATIENCE_S), aclosing(bench.services.watch()) as sightings:
            async for sighting in sightings:
                if sighting.record.fingerprint == bench.target.fingerprint:
                    break
        assert sighting.in_sight
        assert sighting.claimed_card is not None


async def reported(services: NodeServices, target: Target, stage: str) -> Report:
    """Ask until the node is at `stage`."""
    async with asyncio.timeout(PATIENCE_S):
        async for report in _reports(services, target):
            if report.stage == stage:
                return report
    raise AssertionError("unreachable")


async def _reports(services: NodeServices, target: Target) -> AsyncGenerator[Report, None]:
    while True:
        try:
            yield await services.report(target, full=False)
        except NodeError:
            # It restarts: the pause between two questions is what is wanted here.
            await asyncio.sleep(0.1)
        else:
            await asyncio.sleep(0.1)
