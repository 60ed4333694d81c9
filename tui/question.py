# SPDX-License-Identifier: Apache-2.0
"""The questions that make up a report, asked at once over one session."""

import asyncio
from typing import Any

from edge.client.client import NodeClient
from edge.client.model import ServiceStatus
from tui.services import Detail, Report
from tui.session import Session

_MACHINE_STATUS = ("MachineStatuses.runtime.talos.dev", "runtime")
_HOSTNAME = ("HostnameStatuses.net.talos.dev", "network")
_ADDRESSES = ("NodeAddresses.net.talos.dev", "network")
_DIAGNOSTICS = ("Diagnostics.runtime.talos.dev", "runtime")
_CLUSTER = ("Infos.cluster.talos.dev", "cluster")
_MACHINE_TYPE = ("MachineTypes.config.talos.dev", "config")
_SYSTEM = ("SystemInformations.hardware.talos.dev", "hardware")

Kind = tuple[str, str]


async def ask(session: Session, *, full: bool) -> Report:
    """Return how the node is now; `full` adds what only its own screen shows."""
    client = session.client
    usage, status, hostname, detail = await asyncio.gather(
        client.usage(),
        _spec(client, _MACHINE_STATUS),
        _spec(client, _HOSTNAME),
        _ask_detail(client) if full else _nothing(),
    )
    condition = status.get("status") or {}
    return Report(
        endpoint=session.endpoint,
        identity=session.identity,
        maintenance=session.maintenance,
        stage=str(status.get("stage", "")),
        ready=bool(condition.get("ready")),
        unmet=tuple(_unmet(each) for each in condition.get("unmetConditions") or ()),
        name=str(hostname.get("hostname", "")),
        version=session.version.tag,
        arch=session.version.arch,
        platform=session.version.platform,
        usage=usage,
        detail=detail,
    )


async def _ask_detail(client: NodeClient) -> Detail:
    services, addresses, diagnostics, cluster, machine_type, system = await asyncio.gather(
        client.services(),
        _spec(client, _ADDRESSES, "current"),
        _specs(client, _DIAGNOSTICS),
        _spec(client, _CLUSTER),
        _specs(client, _MACHINE_TYPE),
        _spec(client, _SYSTEM),
    )
    product = (str(system.get(name, "")) for name in ("manufacturer", "productName"))
    return Detail(
        services=tuple(sorted(services, key=_by_id)),
        addresses=tuple(str(each) for each in addresses.get("addresses", ())),
        diagnostics=tuple(str(spec.get("message", "")) for _, spec in diagnostics),
        cluster=str(cluster.get("clusterName", "")),
        machine_type=str(machine_type[0][1]) if machine_type else "",
        product=" ".join(filter(None, product)),
    )


async def _nothing() -> None:
    return None


async def _specs(client: NodeClient, kind: Kind) -> list[tuple[str, Any]]:
    return [(found.id, found.spec) for found in await client.resources(*kind)]


async def _spec(client: NodeClient, kind: Kind, wanted: str | None = None) -> dict[str, Any]:
    """Return the specification of the one resource of a kind, or nothing when there is none."""
    for name, spec in await _specs(client, kind):
        if wanted in (None, name) and isinstance(spec, dict):
            return spec
    return {}


def _unmet(condition: dict[str, Any]) -> str:
    return f"{condition.get('name', '')}: {condition.get('reason', '')}"


def _by_id(service: ServiceStatus) -> str:
    return service.id
