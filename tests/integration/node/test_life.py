# SPDX-License-Identifier: Apache-2.0
"""A lab node's life: first contact, apply modes, broken disks, crashes, joining workers."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.client.client import connect
from edge.client.model import ApplyMode
from edge.client.trust import Blind, Mutual
from edge.errors import EdgeError, NodeError, TrustError
from edge.meta.partition import MetaPartition
from edge.node.disk import open_disk
from edge.node.volume import open_meta
from edge.pki.certificate import KeyPair, inspect, issue_client, issue_server
from edge.pki.key import new_key
from edge.pki.role import Role
from edge.provision.lab import LabNode
from tests.integration.node.conftest import Bench, patiently

LANES, ROUNDS = 2, 5


def _meta(node: LabNode) -> MetaPartition:
    disk = open_disk(node.folder / "disk.img")
    assert disk
    meta = open_meta(disk)
    assert meta
    return meta


def _machined(node: LabNode) -> int:
    """Return the process id of a running node's machined."""
    assert node.pid
    children = Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()
    return int(children[0])


def _switch_on(bench: Bench, node: LabNode) -> LabNode:
    """Start a node that need not show the key its card was flashed with, as `Lab.start` wants."""
    with node.console.open("ab") as console:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "edge.node.lab_init", str(node.folder)],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, console.fileno(), 2)],
            setsid=True,
        )
    (node.folder / "pid").write_text(str(pid))
    return bench.lab.node(node.name)


async def _diagnostics(node: LabNode) -> dict[str, str]:
    async with connect(node.address, Blind()) as client:
        found = await client.resources("Diagnostics.runtime.talos.dev", "runtime")
        return {each.id: each.spec["message"] for each in found}


async def test_first_contact_to_reset(bench: Bench) -> None:
    """One node from a fresh card to a configured one, and back."""
    node = bench.start("first")
    generated = bench.generate(node)
    async with bench.maintenance(node) as client:
        assert (await client.version()).platform == "lab"
        with pytest.raises(TrustError, match="whoever flashed its card"):
            await client.apply(generated.controlplane)
        with pytest.raises(TrustError, match="whoever flashed its card"):
            await client.wipe_disks(("sda",), method="FAST")
        client.enrolment_secret = bytes(32)
        with pytest.raises(TrustError, match="whoever flashed its card"):
            await client.apply(generated.controlplane)
        with pytest.raises(TrustError, match="whoever flashed its card"):
            await client.wipe_disks(("sda",), method="FAST")
        with pytest.raises(TrustError, match="not authorized"):
            await client.reboot()
        client.enrolment_secret = bench.secret(node)
        with pytest.raises(NodeError, match="there is no disk sda on this node"):
            await client.wipe_disks(("sda",), method="FAST")
        applied = await client.apply(generated.controlplane, dry_run=True)
        assert applied.details.startswith("Dry run summary:")
        applied = await client.apply(generated.controlplane)
        assert applied.mode == "no_reboot"
    async with bench.administrator(node) as client:
        await patiently(lambda: _is_ready(bench, node))
        config = await client.resource("MachineConfigs.config.talos.dev", "config", "v1alpha1")
        assert config.spec == generated.controlplane
        assert await client.reset(("STATE",), reboot=True)
    await patiently(lambda: _is_in(bench, node, "maintenance"))
    assert await _diagnostics(node) == {}


async def _is_ready(bench: Bench, node: LabNode) -> None:
    async with connect(node.address, bench.mutual(node)) as client:
        status = await client.resource("MachineStatuses.runtime.talos.dev", "runtime", "machine")
        assert status.spec == {
            "stage": "running",
            "status": {"ready": True, "unmetConditions": []},
        }


async def _is_in(bench: Bench, node: LabNode, stage: str) -> None:
    assert await bench.stage(node) == stage


@pytest.mark.parametrize("seed", [20260101])
async def test_power_cuts_lead_to_maintenance_or_a_whole_configuration(
    bench: Bench, seed: int
) -> None:
    """During first boots and while applying, at moments that a seed chooses."""
    nodes = [bench.lab.create(f"cut-{number}") for number in range(LANES)]
    cuts = await asyncio.gather(
        *(
            _cut_again_and_again(bench, node, random.Random(seed + n))
            for n, node in enumerate(nodes)
        )
    )
    assert sum(cuts) == 20


async def _cut_again_and_again(bench: Bench, node: LabNode, moments: random.Random) -> int:
    text = bench.generate(node).controlplane
    texts = [f"{text}\n# {number}\n" for number in range(ROUNDS)]
    _copy(node.folder / "disk.img", node.folder / "flashed.img")
    for round_text in texts:
        await _cut(bench, node)
        _flash_again(node)
        node = _switch_on(bench, node)
        await asyncio.sleep(moments.uniform(0.3, 1.3))
        await _cut(bench, node)
        node = await _check(bench, node, texts)
        applying = asyncio.create_task(_apply_somehow(bench, node, round_text))
        await asyncio.sleep(moments.uniform(0, 0.25))
        await _cut(bench, node)
        await asyncio.wait([applying])
        node = await _check(bench, node, texts)
    await _apply_somehow(bench, node, text)
    async with bench.administrator(node) as client:
        assert (await client.version()).platform == "lab"
    return 2 * ROUNDS


def _flash_again(node: LabNode) -> None:
    _copy(node.folder / "flashed.img", node.folder / "disk.img")
    for name in ("state", "ephemeral"):
        shutil.rmtree(node.folder / name, ignore_errors=True)


def _copy(disk: Path, copy: Path) -> None:
    subprocess.run(["cp", "--sparse=always", disk, copy], check=True)


async def _cut(bench: Bench, node: LabNode) -> None:
    await asyncio.to_thread(bench.lab.cut_power, node.name)


async def _check(bench: Bench, node: LabNode, texts: list[str]) -> LabNode:
    """Switch on again and see that the node is whole."""
    node = await asyncio.to_thread(bench.lab.start, node.name)
    kept = node.folder / "state/config.yaml"
    if await bench.stage(node) == "running":
        assert kept.read_text() in texts
    else:
        assert not kept.exists()
        assert await _diagnostics(node) == {}
    return node


async def _apply_somehow(bench: Bench, node: LabNode, text: str) -> None:
    try:
        await bench.apply(node, text)
    except EdgeError:
        try:
            async with connect(node.address, bench.mutual(node)) as client:
                await client.apply(text)
        except EdgeError:
            return


@pytest.mark.parametrize("damage", ["config", "state", "meta"])
async def test_a_damaged_disk_means_maintenance_that_says_why(bench: Bench, damage: str) -> None:
    """And applying a configuration mends it for good."""
    node = bench.start("damaged")
    generated = bench.generate(node)
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, generated.controlplane)
        await patiently(lambda: _is_in(bench, node, "running"))
    bench.lab.stop(node.name)
    _damage(node, damage)
    node = _switch_on(bench, node)
    assert await bench.stage(node) == "maintenance"
    assert damage in await _diagnostics(node)
    await bench.apply(node, generated.controlplane)
    await patiently(lambda: _is_in(bench, node, "running"))
    bench.lab.cut_power(node.name)
    node = _switch_on(bench, node)
    await patiently(lambda: _is_in(bench, node, "running"))
    async with connect(node.address, bench.mutual(node)) as client:
        found = await client.resources("Diagnostics.runtime.talos.dev", "runtime")
        assert not found


def _damage(node: LabNode, damage: str) -> None:
    if damage == "config":
        (node.folder / "state/config.yaml").write_bytes(b"version: v1alpha1\nmachine: [\0")
    elif damage == "state":
        shutil.rmtree(node.folder / "state")
    else:
        meta = _meta(node)
        with meta.path.open("r+b") as file:
            file.seek(meta.offset)
            file.write(os.urandom(512 * 1024))
        (node.folder / "state/config.yaml").unlink()


async def test_a_zeroed_meta_leaves_a_configured_node_configured(bench: Bench) -> None:
    """Its key is new, its certificate is still from the cluster's authority."""
    node = bench.start("zeroed")
    await bench.apply(node, bench.generate(node).controlplane)
    await patiently(lambda: _is_in(bench, node, "running"))
    bench.lab.stop(node.name)
    meta = _meta(node)
    with meta.path.open("r+b") as file:
        file.seek(meta.offset)
        file.write(bytes(512 * 1024))
    node = _switch_on(bench, node)
    async with bench.administrator(node) as client:
        found = await client.resources("Diagnostics.runtime.talos.dev", "runtime")
        assert [each.id for each in found] == ["meta"]


async def test_machined_comes_back_after_a_crash(bench: Bench) -> None:
    """As the same node, configured; its supervisor says so on the console."""
    node = bench.start("crash")
    await bench.apply(node, bench.generate(node).controlplane)
    bench.lab.stop(node.name)
    node = bench.lab.start(node.name)
    before = _machined(node)
    os.kill(before, signal.SIGKILL)
    await patiently(lambda: _is_another(node, before))
    assert "machined ended with -9, starting again in 1 s" in node.console.read_text()
    assert await bench.stage(node) == "running"


async def _is_another(node: LabNode, before: int) -> None:
    try:
        assert _machined(node) != before
    except IndexError as error:
        raise AssertionError from error


async def test_a_node_can_be_switched_off_between_two_crashes(bench: Bench) -> None:
    """While machined is not running, too."""
    node = bench.start("crash")
    os.kill(_machined(node), signal.SIGKILL)
    bench.lab.stop(node.name)
    assert bench.lab.node(node.name).pid is None
    assert node.console.read_text().splitlines()[-1] == "edge: powering off"


async def test_a_worker_is_certified_by_its_control_plane(bench: Bench) -> None:
    """It asks trustd; until that answers, it is closed to those without a certificate."""
    for other in bench.lab.nodes():
        bench.lab.stop(other.name)  # the worker would ask any control plane of its cluster
    # Another control plane of the cluster would sign as well.
    bench.lab.down()
    first, worker = bench.start("cp"), bench.start("worker")
    generated = bench.generate(first)
    await bench.apply(worker, generated.worker)
    await patiently(lambda: _is_closed(bench, worker))
    await bench.apply(first, generated.controlplane)
    async with bench.administrator(worker) as client:
        services = {each.id for each in await client.services()}
        kinds = await client.resource("MachineTypes.config.talos.dev", "config", "machine-type")
        assert kinds.spec == "worker"
        assert "trustd" not in services
    async with bench.administrator(first) as client:
        assert "trustd" in {each.id for each in await client.services()}
        assert any(["signed" in line async for line in client.logs("trustd")])


async def _is_closed(bench: Bench, node: LabNode) -> None:
    """Check that a call without a certificate is not answered, and a configuration not taken."""
    try:
        await bench.apply(node, bench.generate(node).controlplane)
    except NodeError as error:
        if "configured" not in error.message:
            raise
        return
    pytest.fail("a stranger's configuration was taken")


@pytest.mark.parametrize("case", ["reader", "foreign", "server"])
async def test_roles_and_authorities_are_checked(bench: Bench, case: str) -> None:
    """On a real node over real TLS."""
    node = bench.start("roles")
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, bench.generate(node).controlplane)
    async with bench.administrator(node) as client:
        assert await client.log_names()
    trust = bench.mutual(node)
    pair = _pair(bench, case, inspect(trust.crt).not_before)
    other = Mutual(ca=trust.ca, crt=pair.certificate, key=pair.key)
    if case == "reader":
        async with connect(node.address, other) as client:
            assert (await client.version()).platform == "lab"
            with pytest.raises(TrustError, match="not authorized"):
                await client.reboot()
            with pytest.raises(TrustError):
                await client.resource("MachineConfigs.config.talos.dev", "config", "v1alpha1")
    else:
        with pytest.raises(TrustError):
            async with connect(node.address, other) as client:
                await client.version()
    assert await bench.stage(node) == "running"


def _pair(bench: Bench, case: str, now: object) -> KeyPair:
    from datetime import datetime

    assert isinstance(now, datetime)
    if case == "reader":
        return issue_client(bench.secrets.os, [Role.READER], now=now)
    if case == "foreign":
        return issue_client(bench.secrets.etcd, [Role.ADMIN], now=now)
    key = new_key()
    certificate = issue_server(bench.secrets.os, key, common_name="os:admin", now=now)
    return KeyPair(certificate=certificate, key=key)


async def test_modes_of_applying(bench: Bench) -> None:
    """A trial goes back by itself, a staged configuration waits for the restart."""
    node = bench.start("roles")
    text = bench.generate(node).controlplane
    async with bench.administrator(node) as client:
        await client.apply(text)
        await client.apply(text + "\n# tried\n", mode=ApplyMode.TRY, try_timeout_s=1)
        applied = await client.apply(text + "\n# staged\n", mode=ApplyMode.STAGED)
        assert applied.mode == "staged"
        persistent = await client.resource(
            "MachineConfigs.config.talos.dev", "config", "persistent"
        )
        assert persistent.spec.endswith("# staged\n")
        await patiently(lambda: _has(bench, node, text))
        assert await client.reboot()
    await patiently(lambda: _has(bench, node, text + "\n# staged\n"))


async def _has(bench: Bench, node: LabNode, text: str) -> None:
    async with connect(node.address, bench.mutual(node)) as client:
        active = await client.resource("MachineConfigs.config.talos.dev", "config", "v1alpha1")
        assert active.spec == text
