# SPDX-License-Identifier: Apache-2.0
"""The lab's own cluster: lab nodes configured with secrets that live beside them.

The first node that is configured becomes the control plane, later ones join as workers.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from edge.client.trust import look_at
from edge.config.file import write_file
from edge.config.generate import generate
from edge.config.patch import parse_patch, patch_config
from edge.config.talosconfig import TalosConfig, load_talosconfig, save_talosconfig
from edge.errors import NodeError
from edge.events import Listener, ignore, step
from edge.pki.secrets import SecretsBundle, dump_secrets, load_secrets, new_secrets
from edge.provision.contact import configure, make_contact, wait_configured
from edge.provision.lab import API_PORT, Lab, LabNode
from edge.text import read_text
from flasher.record import CardRecords

CLUSTER = "lab"
_HOSTNAME = "apiVersion: v1alpha1\nkind: HostnameConfig\nauto: off\nhostname: {}\n"


def client_file(lab: Lab) -> Path:
    """Return where the client configuration of the lab's cluster is, or would be."""
    return lab.folder / "talosconfig"


def state_of(node: LabNode) -> str:
    """Return "off", "starting", "maintenance" or "running"."""
    if node.pid is None:
        return "off"
    try:
        presented = look_at(node.address, API_PORT)
    except NodeError:
        return "starting"
    return "maintenance" if presented.is_maintenance else "running"


async def configure_nodes(
    lab: Lab, nodes: Sequence[LabNode], records: CardRecords, *, listener: Listener = ignore
) -> list[LabNode]:
    """Give each of `nodes` that is in maintenance mode its configuration; return those.

    Raises:
        EdgeError: when a node does not take it.
    """
    secrets, members = _secrets(lab), _members(lab)
    configured = []
    for node in nodes:
        if await asyncio.to_thread(state_of, node) != "maintenance":
            continue
        members = list(dict.fromkeys((*members, node.address)))
        with step(listener, f"configure {node.name}") as running:
            text, client = _generate(node, members, secrets)
            contact = await make_contact(node.address, records)
            await configure(contact, text)
            await wait_configured(contact)
            save_talosconfig(client, client_file(lab))
            running.detail = f"{node.address}, {_role(node, members)}"
        configured.append(node)
    return configured


def forget_cluster(lab: Lab) -> None:
    """Delete the cluster's files once no node is left."""
    if not lab.nodes():
        for path in (client_file(lab), _secrets_file(lab)):
            path.unlink(missing_ok=True)


def _generate(node: LabNode, members: list[str], secrets: SecretsBundle) -> tuple[str, TalosConfig]:
    endpoint = f"https://{members[0]}:6443"
    generated = generate(CLUSTER, endpoint, secrets, now=datetime.now(UTC), endpoints=members[:1])
    text: str = getattr(generated, _role(node, members))
    client = generated.talosconfig
    context = replace(client.context(), nodes=tuple(members))
    hostname = parse_patch(_HOSTNAME.format(node.name))
    return patch_config(text, [hostname]), client.with_context(CLUSTER, context)


def _role(node: LabNode, members: list[str]) -> str:
    return "controlplane" if node.address == members[0] else "worker"


def _members(lab: Lab) -> list[str]:
    """Return the addresses of the nodes configured so far that are still in the lab."""
    if not client_file(lab).exists():
        return []
    present = {node.address for node in lab.nodes()}
    context = load_talosconfig(client_file(lab)).context()
    return [address for address in context.nodes if address in present]


def _secrets_file(lab: Lab) -> Path:
    return lab.folder / "secrets.yaml"


def _secrets(lab: Lab) -> SecretsBundle:
    path = _secrets_file(lab)
    if not path.exists():
        write_file(path, dump_secrets(new_secrets(now=datetime.now(UTC))))
    return load_secrets(read_text(path), source=str(path))
