# SPDX-License-Identifier: Apache-2.0
"""The demonstration's steps, the same for every bench."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from discovery.browse import Browser
from discovery.record import NodeRecord
from edge.client.client import NodeClient, connect
from edge.client.model import ServiceStatus, Usage
from edge.client.trust import Mutual
from edge.config.file import write_files
from edge.config.generate import generate
from edge.config.talosconfig import TalosConfig, save_talosconfig
from edge.errors import BugError, EdgeError, NodeError, TrustError
from edge.events import Listener, step
from edge.pki.secrets import new_secrets
from edge.provision.contact import configure, make_contact
from edge.provision.demo.bench import Bench, Written
from flasher.record import CardRecords

CLUSTER = "demo"
FIND_DEADLINE_S = 60.0
READY_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the demonstration ended with."""

    node: NodeRecord
    version: str
    services: tuple[ServiceStatus, ...]
    addresses: tuple[str, ...]
    usage: Usage
    talosconfig: Path
    seconds: float


async def run(
    bench: Bench, written: Written, records: CardRecords, folder: Path, listener: Listener
) -> Outcome:
    """Take the board from power-on to configured, through a power cut, and look at it.

    Raises:
        EdgeError: naming the step that went wrong.
    """
    started = time.monotonic()
    with step(listener, "boot") as running:
        running.detail = await bench.power_on(listener)
    with step(listener, "find the node by mDNS") as running:
        node = await find(written.enrolment_id)
        running.detail = f"{node.name} at {node.address}, {node.state}"
    with step(listener, "check that it is the card we flashed") as running:
        contact = await make_contact(node.address, records)
        if contact.card is None or contact.fingerprint != written.fingerprint:
            raise TrustError(f"{node.address} is not the card that was flashed")
        running.detail = f"fingerprint {contact.fingerprint}"
    with step(listener, "generate the configuration") as running:
        configuration, client = _generate(folder, node.address)
        running.detail = str(folder / "controlplane.yaml")
    with step(listener, "apply it") as running:
        applied = await configure(contact, configuration)
        running.detail = applied.details
    trust = _trust(client)
    with step(listener, "wait for mutual TLS") as running:
        version = await wait_ready(node.address, trust)
        running.detail = f"{version}, running and ready"
    with step(listener, "cut the power and start again") as running:
        await bench.cut_power()
        stage = await bench.power_on(listener)
        if stage != "running":
            raise BugError(f"after the power cut the node came back in stage {stage!r}")
        node = await find(written.enrolment_id)
        await wait_ready(node.address, trust)
        running.detail = "it came back configured"
    async with connect(node.address, trust) as node_client:
        return await _look(node_client, node, folder, time.monotonic() - started)


async def find(enrolment_id: str) -> NodeRecord:
    """Return the node that announces this enrolment, waiting for it to appear with an address.

    Raises:
        NodeError: when it does not in time.
    """
    deadline = time.monotonic() + FIND_DEADLINE_S
    async with Browser() as browser:
        while time.monotonic() < deadline:
            for node in browser.nodes():
                if node.card == enrolment_id and node.addresses:
                    return node
            await asyncio.sleep(0.1)
    raise NodeError(f"no node announced the card {enrolment_id} by mDNS")


async def wait_ready(address: str, trust: Mutual) -> str:
    """Return the version of the node once it is running and ready under mutual TLS.

    Raises:
        NodeError: when it is not in time; the message has the last reason.
    """
    deadline = time.monotonic() + READY_DEADLINE_S
    reason = "no answer"
    while time.monotonic() < deadline:
        try:
            async with connect(address, trust) as client:
                status = await _status(client)
                if status["stage"] == "running" and status["status"]["ready"]:
                    return (await client.version()).tag
                reason = f"stage {status['stage']}, {status['status']['unmetConditions']}"
        except EdgeError as error:
            reason = error.message
        await asyncio.sleep(0.2)
    raise NodeError(f"{address} did not become ready: {reason}")


async def _status(client: NodeClient) -> Any:
    found = await client.resource("MachineStatuses.runtime.talos.dev", "runtime", "machine")
    return found.spec


def _generate(folder: Path, address: str) -> tuple[str, TalosConfig]:
    now = datetime.now(UTC)
    endpoint = f"https://{address}:6443"
    generated = generate(CLUSTER, endpoint, new_secrets(now=now), now=now, endpoints=[address])
    texts = {"controlplane.yaml": generated.controlplane, "worker.yaml": generated.worker}
    write_files({folder / name: text for name, text in texts.items()}, force=True)
    save_talosconfig(generated.talosconfig, folder / "talosconfig")
    return generated.controlplane, generated.talosconfig


def _trust(client: TalosConfig) -> Mutual:
    context = client.context()
    return Mutual(ca=context.ca, crt=context.crt, key=context.key)


async def _look(client: NodeClient, node: NodeRecord, folder: Path, seconds: float) -> Outcome:
    addresses = await client.resource("NodeAddresses.net.talos.dev", "network", "current")
    return Outcome(
        node=node,
        version=(await client.version()).tag,
        services=tuple(await client.services()),
        addresses=tuple(addresses.spec["addresses"]),
        usage=await client.usage(),
        talosconfig=folder / "talosconfig",
        seconds=seconds,
    )
