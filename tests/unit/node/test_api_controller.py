# SPDX-License-Identifier: Apache-2.0
"""The certificate that a node serves with, through stages, clocks and waiting for trustd."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from edge.client.trust import Presented, look_at
from edge.config.generate import Generated
from edge.errors import NodeError
from edge.node.api.server import API_PORT
from edge.node.configuration import parse_configuration
from edge.node.control.api import ApiController
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.pki.certificate import CertificateInfo, inspect, is_issued_by
from edge.pki.key import fingerprint
from edge.pki.secrets import SecretsBundle
from tests.fakes.node import BUILD_TIME, FakePlatform

NewMachine = Callable[[], Machine]
ADDRESS = "127.44.0.1"
BUILT = datetime.fromtimestamp(BUILD_TIME, UTC)


@pytest.fixture
async def controller(
    new_machine: NewMachine, platform: FakePlatform
) -> AsyncIterator[ApiController]:
    platform.listen = ADDRESS
    machine = new_machine()
    await machine.boot()
    machine.store.put(kind.NODE_ADDRESS, "current", {"addresses": ["10.0.0.7/24"]}, owner="test")
    machine.store.put(kind.HOSTNAME_STATUS, "hostname", {"hostname": "edge-1"}, owner="test")
    controller = ApiController(machine)
    await controller.reconcile()
    yield controller
    await controller.close()


def _configure(controller: ApiController, text: str) -> None:
    controller.machine.activate(parse_configuration(text.encode()))


async def _look() -> Presented:
    return await asyncio.to_thread(look_at, ADDRESS, API_PORT)


async def _served() -> CertificateInfo:
    return inspect((await _look()).certificate)


async def test_a_pinned_certificate_outlives_wrong_clocks(controller: ApiController) -> None:
    """Its dates begin when the image was built, and end long after the board."""
    served = await _served()
    assert served.not_before <= BUILT
    assert served.not_after > BUILT + timedelta(days=20 * 365)
    assert served.dns_names == ("edge-1",)
    assert "10.0.0.7" in map(str, served.addresses)


async def test_a_client_finds_the_certificate_that_it_has_seen(controller: ApiController) -> None:
    """Whatever addresses and names come while it looks, and connects again to stay."""
    before = await _look()
    store = controller.machine.store
    store.put(kind.NODE_ADDRESS, "current", {"addresses": ["10.0.0.8/24"]}, owner="test")
    await controller.reconcile()
    assert (await _look()).certificate == before.certificate


async def test_nor_does_a_clock_change_what_a_client_has_seen(
    new_machine: NewMachine, platform: FakePlatform
) -> None:
    """Boards without a clock are set right when they are reached, by years."""
    now = [BUILT]
    platform.listen = ADDRESS
    machine = new_machine()
    await machine.boot()
    controller = ApiController(machine, clock=lambda: now[0])
    await controller.reconcile()
    try:
        before = await _look()
        for jump in (timedelta(days=900), timedelta(days=-1)):
            now[0] = BUILT + jump
            await controller.reconcile()
            assert (await _look()).certificate == before.certificate
            assert controller.period_s
            assert controller.period_s >= 1.0
    finally:
        await controller.close()


async def test_the_key_stays_through_the_stages(
    controller: ApiController, generated: Generated, bundle: SecretsBundle
) -> None:
    """What the flasher wrote down holds in maintenance and afterwards."""
    before = await _look()
    _configure(controller, generated.controlplane)
    await controller.reconcile()
    after = await _look()
    assert before.fingerprint == after.fingerprint == fingerprint(controller.machine.key)
    assert before.certificate != after.certificate
    assert is_issued_by(after.certificate, bundle.os.certificate)


async def test_a_certificate_lives_longer_while_the_time_is_uncertain(
    controller: ApiController, generated: Generated
) -> None:
    """A clock that lags by days must not make it expired for everybody else."""
    _configure(controller, generated.controlplane)
    await controller.reconcile()
    assert (await _served()).not_after > datetime.now(UTC) + timedelta(days=300)
    status = {"synced": True, "epoch": 1, "syncDisabled": False}
    controller.store.put(kind.TIME_STATUS, "node", status, owner="test")
    await controller.reconcile()
    assert (await _served()).not_after < datetime.now(UTC) + timedelta(days=2)
    assert kind.TIME_STATUS in controller.inputs


async def test_a_certificate_follows_names_and_addresses(
    controller: ApiController, generated: Generated
) -> None:
    """And is for the cluster's endpoint, by which workers look for trustd."""
    _configure(controller, generated.controlplane)
    new = {"addresses": ["10.0.0.8/24", "fd00::8/64"]}
    controller.store.put(kind.NODE_ADDRESS, "current", new, owner="test")
    await controller.reconcile()
    addresses = set(map(str, (await _served()).addresses))
    assert {"10.0.0.8", "fd00::8", "127.0.0.1", "::1", "10.0.0.10"} <= addresses
    assert "10.0.0.7" not in addresses


async def test_nothing_is_issued_while_nothing_changes(
    controller: ApiController, generated: Generated
) -> None:
    """A certificate is renewed for a reason."""
    _configure(controller, generated.controlplane)
    await controller.reconcile()
    before = await _look()
    await controller.reconcile()
    assert (await _look()).certificate == before.certificate


async def test_a_worker_without_trustd_is_closed_and_tries_again(
    controller: ApiController, generated: Generated
) -> None:
    """Not in maintenance any more, although it has no certificate of the cluster's yet."""
    worker = generated.worker.replace("https://10.0.0.10:6443", "https://127.44.0.2:6443")
    _configure(controller, worker)
    for _ in range(2):
        with pytest.raises(NodeError, match=r"trustd at 127\.44\.0\.2"):
            await controller.reconcile()
    served = await _served()
    assert served.common_name == "maintenance-service.talos.dev"
    states = {service.id: str(service.state) for service in controller.machine.services}
    assert states["apid"] == "Running"


async def test_the_console_says_how_to_configure(
    controller: ApiController, platform: FakePlatform
) -> None:
    """With the address and the fingerprint, ready to be typed."""
    pin = fingerprint(controller.machine.key)
    assert any(
        line.startswith("configure with: edgectl apply-config --insecure --nodes 10.0.0.7")
        and pin in line
        for line in platform.said
    )


async def test_the_console_says_again_where_the_node_waits(
    new_machine: NewMachine, platform: FakePlatform
) -> None:
    """In maintenance twice a minute, for consoles that are plugged in late; otherwise once."""
    platform.listen = ADDRESS
    machine = new_machine()
    await machine.boot()
    machine.store.put(kind.NODE_ADDRESS, "current", {"addresses": ["10.0.0.7/24"]}, owner="test")
    seconds = iter([100.0, 100.0, 129.0, 131.0, 131.0])
    controller = ApiController(machine, ticks=lambda: next(seconds))
    for _ in range(3):
        await controller.reconcile()
    await controller.close()
    assert controller.period_s == 30.0
    said = [line for line in platform.said if line.startswith("maintenance ")]
    assert said == [f"maintenance 10.0.0.7 fingerprint {fingerprint(machine.key)}"] * 2
    assert sum(line.startswith("configure with: ") for line in platform.said) == 1
