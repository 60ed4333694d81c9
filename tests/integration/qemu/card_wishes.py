# SPDX-License-Identifier: Apache-2.0
"""An emulated board on a network without DHCP: it is where and what its card says.

    python -m tests.integration.qemu.card_wishes network
    python -m tests.integration.qemu.card_wishes configuration
    python -m tests.integration.qemu.card_wishes api

A process of its own, because it moves into a network namespace.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import yaml

from boards.catalog import load_profile
from edge.api import machine_pb2, resource_pb2, storage_pb2
from edge.client.client import connect
from edge.client.trust import Mutual, Pinned, Trust
from edge.config.generate import Generated, generate
from edge.errors import EdgeError
from edge.events import ignore
from edge.node.resource.kind import KINDS, META_KINDS
from edge.pki.secrets import new_secrets
from edge.provision.console import Stage
from edge.provision.contact import configure, make_contact
from edge.provision.demo.bench import Written
from edge.provision.demo.emulated import EmulatedBench
from edge.provision.demo.run import wait_ready
from edge.provision.restart import read_boot_id, wait_restarted
from flasher.card.listing import make_card
from flasher.record import CardRecords
from tests.fakes.conformance import disagreements
from tests.integration.node.walk import ENDING, OUTCOMES, fault, request_of
from tests.integration.node.wire import METHODS, call, connected

ADDRESS, GATEWAY, HOSTNAME = "10.77.0.77", "10.77.0.1", "shelf-3"
PATIENCE_S = 60.0
RESTART_S = 180.0
WISHES = {"hostname": HOSTNAME, "address": f"{ADDRESS}/24", "gateway": GATEWAY}


_MACHINE = "/machine.MachineService"
ON_BOARDS = {
    f"{_MACHINE}/Copy": machine_pb2.CopyRequest(root_path="/etc"),
    f"{_MACHINE}/Read": machine_pb2.ReadRequest(path="/proc/version"),
    f"{_MACHINE}/DiskUsage": machine_pb2.DiskUsageRequest(paths=["/etc"]),
    "/storage.StorageService/BlockDeviceWipe": storage_pb2.BlockDeviceWipeRequest(
        devices=[storage_pb2.BlockDeviceWipeDescriptor(device="vda")]
    ),
}
"""Where a board is asked for something else than a lab node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A board with its card, and the cluster it is for."""

    bench: EmulatedBench
    written: Written
    records: CardRecords
    generated: Generated

    @property
    def administrator(self) -> Mutual:
        """Return the trust of whoever owns the cluster."""
        context = self.generated.talosconfig.context()
        return Mutual(ca=context.ca, crt=context.crt, key=context.key)


async def play_network(scene: Scene) -> None:
    """In maintenance the node has the card's name and address, and it keeps them afterwards."""
    assert (await scene.bench.boot(ignore)).stage is Stage.MAINTENANCE
    await check(Pinned(fingerprints={scene.written.fingerprint}))
    contact = await make_contact(ADDRESS, scene.records)
    await configure(contact, scene.generated.controlplane)
    await wait_ready(ADDRESS, scene.administrator)
    await check(scene.administrator)


async def play_configuration(scene: Scene) -> None:
    """The node never waits for anybody, and is configured at its second boot as well."""
    for _ in range(2):
        assert (await scene.bench.boot(ignore)).stage is Stage.RUNNING
        await wait_ready(ADDRESS, scene.administrator)
        await check(scene.administrator)
        await check_resources(scene.administrator)
        await scene.bench.cut_power()


async def play_api(scene: Scene) -> None:
    """Every call works on a board or says why not; those that end it are followed to their end."""
    assert (await scene.bench.boot(ignore)).stage is Stage.RUNNING
    await wait_ready(ADDRESS, scene.administrator)
    await check_methods(scene)
    async with connect(ADDRESS, scene.administrator) as client:
        before = await read_boot_id(client)
        await client.reboot()
    opener = partial(connect, ADDRESS, scene.administrator)
    await wait_restarted(ADDRESS, before, (opener,), deadline_s=RESTART_S)
    await wait_ready(ADDRESS, scene.administrator)
    await check(scene.administrator)


async def check_methods(scene: Scene) -> None:
    """Walk through all methods but those that end the machine."""
    text, wrong, outcomes = scene.generated.controlplane, {}, []
    async with connected(ADDRESS, scene.administrator) as channel:
        # Backwards: what is written is then deleted, what is stopped is then started.
        for path in sorted(METHODS.keys() - ENDING, reverse=True):
            request = ON_BOARDS.get(path) or request_of(path, text)
            if found := fault(path, outcome := await call(channel, path, request)):
                wrong[path] = found
            outcomes.append(f"{path.removeprefix('/')} {outcome.code.name}\n")
    assert not wrong, wrong
    assert "".join(outcomes[::-1]) == OUTCOMES.read_text()


async def check(trust: Trust) -> None:
    """See that the node at the address has the name and, before long, the card's route."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await _is_as_wanted(trust):
                break
            await asyncio.sleep(1.0)
    print(f"{HOSTNAME} answers at {ADDRESS}", flush=True)


async def check_resources(trust: Trust) -> None:
    """See that a board's resources say the same in both forms, and what only boards have."""
    async with connect(ADDRESS, trust) as client:
        faults, seen = [], set()
        for each in await client.definitions():
            if each.type in META_KINDS:
                continue
            request = resource_pb2.ListRequest(namespace=each.namespace, type=each.type)
            async for found in client._stream(client._state.List, request):
                seen.add(each.display)
                spec = found.resource.spec
                message = KINDS[each.type].message.FromString(spec.proto_spec)
                faults += disagreements(message, yaml.safe_load(spec.yaml_spec))
    assert faults == []
    assert {"Disk", "LoadedKernelModule", "AdjtimeStatus", "AddressSpec", "Member"} <= seen, seen


async def _is_as_wanted(trust: Trust) -> bool:
    async with connect(ADDRESS, trust) as client:
        name = await client.resource("HostnameStatuses.net.talos.dev", "network", "hostname")
        routes = await client.resources("RouteStatuses.net.talos.dev", "network")
    has_route = any(each.spec.get("gateway") == GATEWAY for each in routes)
    return name.spec["hostname"] == HOSTNAME and has_route


def main() -> None:
    """Play the scene that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", choices=["network", "configuration", "api"])
    parser.add_argument("--board", default="qemu-arm64")
    options = parser.parse_args()
    plays: dict[str, Callable[[Scene], Awaitable[None]]] = {
        "network": play_network,
        "configuration": play_configuration,
        "api": play_api,
    }
    with tempfile.TemporaryDirectory(prefix="edgectl-card-") as name:
        folder = Path(name)
        os.environ["EDGECTL_HOME"] = name
        records = CardRecords(folder / "cards.sqlite")
        bench = EmulatedBench(load_profile(options.board), folder / "bench", records)
        now = datetime.now(UTC)
        generated = generate("card", f"https://{ADDRESS}:6443", new_secrets(now=now), now=now)
        wishes = dict(WISHES)
        if options.scene != "network":
            (folder / "config.yaml").write_text(generated.controlplane)
            wishes["config"] = "config.yaml"
        try:
            written = bench.prepare(ignore, make_card(wishes, folder=folder))
            bench.open(dhcp=False)
            scene = Scene(bench=bench, written=written, records=records, generated=generated)
            asyncio.run(_play(plays[options.scene], scene))
        except (AssertionError, EdgeError, TimeoutError) as error:
            console = folder / "bench/console.log"
            text = console.read_text(errors="replace")[-3000:] if console.exists() else ""
            raise SystemExit(f"{text}\n{error!r}") from error
        finally:
            bench.close()


async def _play(play: Callable[[Scene], Awaitable[None]], scene: Scene) -> None:
    try:
        await play(scene)
    finally:
        await scene.bench.cut_power()


if __name__ == "__main__":
    main()
