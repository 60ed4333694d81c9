# SPDX-License-Identifier: Apache-2.0
"""Certificates are renewed while streams stay open, by control planes and by workers."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from edge.api import machine_pb2, machine_pb2_grpc
from edge.client.trust import look_at
from edge.config.generate import Generated
from edge.config.patch import parse_patch, patch_config
from edge.errors import NodeError
from edge.meta import keys
from edge.node.api.certificate import Lifetimes
from edge.node.api.server import API_PORT
from edge.node.configuration import parse_configuration
from edge.node.control.api import ApiController
from edge.node.control.controller import run_controller
from edge.node.log import LogBook
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.pki.certificate import inspect, is_issued_by, issue_client
from edge.pki.key import new_key
from edge.pki.role import Role
from edge.pki.secrets import SecretsBundle
from tests.fakes.node import FakePlatform, write_disk

CONTROL_PLANE, WORKER = "127.44.3.1", "127.44.3.2"
SHORT = Lifetimes(
    certain=timedelta(seconds=3),
    doubtful=timedelta(seconds=3),
    soonest=timedelta(seconds=1),
)
PATIENCE_S = 60.0


@asynccontextmanager
async def _running(
    folder: Path, address: str, text: str, logs: LogBook, **more: Any
) -> AsyncIterator[ApiController]:
    """Run the API of a configured node the way machined does."""
    await asyncio.to_thread(folder.mkdir)
    write_disk(folder / "disk.img", {keys.NODE_KEY: new_key()})
    platform = FakePlatform(folder)
    platform.listen = address
    machine = Machine(platform, logs)
    await machine.boot()
    machine.activate(parse_configuration(text.encode()))
    machine.store.put(kind.NODE_ADDRESS, "current", {"addresses": [f"{address}/24"]}, owner="test")
    controller = ApiController(machine, **more)
    task = asyncio.create_task(run_controller(controller))
    try:
        yield controller
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await controller.close()


async def _served(address: str) -> bytes:
    return (await asyncio.to_thread(look_at, address, API_PORT)).certificate


async def _until_another(address: str, before: bytes, authority: bytes) -> bytes:
    """Wait until a certificate of the cluster's other than `before` is served."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(Exception):
                found = await _served(address)
                if found != before and is_issued_by(found, authority):
                    return found
            await asyncio.sleep(0.05)


def _channel(address: str, bundle: SecretsBundle) -> grpc.aio.Channel:
    pair = issue_client(bundle.os, [Role.ADMIN], now=datetime.now(UTC))
    credentials = grpc.ssl_channel_credentials(bundle.os.certificate, pair.key, pair.certificate)
    # Without a pool of its own, a second channel would share the first one's connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.secure_channel(f"{address}:{API_PORT}", credentials, options=options)


def _machine(channel: grpc.aio.Channel) -> Any:
    stub: Any = machine_pb2_grpc.MachineServiceStub(channel)
    return stub


@pytest.mark.parametrize("address", [CONTROL_PLANE, WORKER])
async def test_a_stream_outlives_its_certificate(
    generated: Generated, bundle: SecretsBundle, logs: LogBook, tmp_path: Path, address: str
) -> None:
    """New connections succeed when the first certificate has expired; the old one goes on."""
    names = parse_patch(f"cluster: {{controlPlane: {{endpoint: https://{CONTROL_PLANE}:6443}}}}")
    first, second = (
        patch_config(text, [names]) for text in (generated.controlplane, generated.worker)
    )
    async with (
        _running(tmp_path / "one", CONTROL_PLANE, first, logs, lifetimes=SHORT) as leader,
        _running(tmp_path / "two", WORKER, second, logs, lifetimes=SHORT) as follower,
        _channel(address, bundle) as old,
    ):
        chosen = leader if address == CONTROL_PLANE else follower
        before = await _until_another(address, b"", bundle.os.certificate)
        events = _machine(old).Events(machine_pb2.EventsRequest(tail_events=-1))
        assert await events.read() is not grpc.aio.EOF
        await _until_another(address, before, bundle.os.certificate)
        expiry = inspect(before).not_after
        await asyncio.sleep(max(0.0, (expiry - datetime.now(UTC)).total_seconds() + 0.1))
        async with _channel(address, bundle) as new:
            await _machine(new).Version(Empty(), wait_for_ready=True, timeout=PATIENCE_S)
        chosen.machine.events.publish("ServiceStateEvent", {"service": "witness"})
        async with asyncio.timeout(PATIENCE_S):
            while b"witness" not in (await events.read()).data.value:
                pass
        events.cancel()


async def test_renewal_is_due_after_half_a_day_by_the_clock(
    generated: Generated, bundle: SecretsBundle, logs: LogBook, tmp_path: Path
) -> None:
    """And at once when the clock turns out to have been ahead."""
    now = datetime.now(UTC) - timedelta(minutes=30)
    text = generated.controlplane
    async with _running(
        tmp_path / "one", CONTROL_PLANE, text, logs, clock=lambda: now
    ) as controller:
        seen = await _until_another(CONTROL_PLANE, b"", bundle.os.certificate)
        for step, is_renewed in (
            (timedelta(hours=11), False),
            (timedelta(hours=1), True),
            (timedelta(minutes=-20), True),
        ):
            now += step
            await controller.reconcile()
            # Not yet valid where the clock leads, so only its bytes count.
            have = controller._fetch().certificate
            assert (have != seen) is is_renewed
            assert 0 < (controller.period_s or 0) <= 600
            seen = have


async def test_an_expired_certificate_is_no_reason_to_hurry(
    generated: Generated, logs: LogBook, tmp_path: Path
) -> None:
    """Where the clock of whoever signs lags by days, asking twice a second would not help."""
    gone = Lifetimes(certain=timedelta(minutes=-30), doubtful=timedelta(minutes=-30))
    text = generated.controlplane
    async with _running(tmp_path / "one", CONTROL_PLANE, text, logs, lifetimes=gone) as controller:
        await controller.reconcile()
        assert 50 < (controller.period_s or 0) <= 60


async def test_a_worker_tells_that_it_cannot_renew(
    generated: Generated, logs: LogBook, tmp_path: Path
) -> None:
    """Before its certificate expires, and no longer once it has another one."""
    endpoint = parse_patch(f"cluster: {{controlPlane: {{endpoint: https://{CONTROL_PLANE}:6443}}}}")
    first, second = (
        patch_config(text, [endpoint]) for text in (generated.controlplane, generated.worker)
    )
    async with _running(tmp_path / "two", WORKER, second, logs) as follower:
        with pytest.raises(NodeError):
            await follower.reconcile()
        found = follower.store.spec(kind.DIAGNOSTIC, "api-certificate")
        assert "cannot be renewed: trustd at" in found["message"]
        async with _running(tmp_path / "one", CONTROL_PLANE, first, logs) as leader:
            await _until_another(CONTROL_PLANE, b"", leader.machine.active.view.ca_cert)  # type: ignore[union-attr]
            await follower.reconcile()
        assert follower.store.get(kind.DIAGNOSTIC, "api-certificate") is None


async def test_no_worker_serves_strangers_while_its_authority_changes(
    generated: Generated, bundle: SecretsBundle, logs: LogBook, tmp_path: Path
) -> None:
    """What trustd signed serves on when the list of authorities changes and trustd is away."""
    endpoint = parse_patch(f"cluster: {{controlPlane: {{endpoint: https://{CONTROL_PLANE}:6443}}}}")
    first, second = (
        patch_config(text, [endpoint]) for text in (generated.controlplane, generated.worker)
    )
    async with _running(tmp_path / "two", WORKER, second, logs) as follower:
        async with _running(tmp_path / "one", CONTROL_PLANE, first, logs):
            before = await _until_another(WORKER, b"", bundle.os.certificate)
        more = parse_patch(
            f"machine: {{acceptedCAs: [{{crt: {_base64(bundle.k8s.certificate)}}}]}}"
        )
        changed = patch_config(second, [more])
        follower.machine.activate(parse_configuration(changed.encode()))
        with suppress(NodeError):
            await follower.reconcile()
        assert bundle.k8s.certificate in follower._fetch().client_cas
        assert await _served(WORKER) == before


def _base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
