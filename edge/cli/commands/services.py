# SPDX-License-Identifier: Apache-2.0
"""`edgectl services`: how a node's services are; one of them in detail, started or stopped."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import Access, choose_access, on_clients
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.output import output_option
from edge.errors import NodeError
from edge.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edge.client.client import NodeClient
    from edge.client.model import ServiceStatus

_ACTION_DEADLINE_S = 60.0
_COLUMNS = ("node", "service", "state", "health", "last_change", "last_event")


@click.command(cls=NodeCommand)
@click.argument("service", metavar="[ID]", required=False)
@click.argument(
    "action",
    metavar="[start|stop|restart|status]",
    type=click.Choice(("start", "stop", "restart", "status")),
    default="status",
)
@output_option()
@insecure_options
def command(
    *, service: str | None, action: str, output: str, insecure: bool, pins: tuple[str, ...]
) -> None:
    """List services; show service ID with its events; start, stop or restart it."""
    ends = action in ("stop", "restart")
    access = choose_access(insecure=insecure, pins=pins, named_only=ends)
    if service and action != "status":
        _act(access, service, action)
        return
    results = on_clients(access, _reading(service))
    found = [(node, each) for node, services in results.found for each in services]
    if service and output == "table":
        click.echo("\n\n".join("\n".join(_details(node, each)) for node, each in found))
    elif output == "table":
        results.emit((_row(node, each) for node, each in found), columns=_COLUMNS, output=output)
    else:
        results.emit((_document(node, each) for node, each in found), columns=(), output=output)
    results.finish()


def _act(access: Access, service: str, action: str) -> None:
    async def act(client: "NodeClient") -> str:
        calls = {
            "start": client.start_service,
            "stop": client.stop_service,
            "restart": client.restart_service,
        }
        return await calls[action](service)

    results = on_clients(access, act, deadline_s=_ACTION_DEADLINE_S)
    for node, said in results.found:
        click.echo(f"{node}: {said}")
    results.finish()


def _reading(service: str | None) -> "Callable[[NodeClient], Awaitable[list[ServiceStatus]]]":
    async def read(client: "NodeClient") -> "list[ServiceStatus]":
        listed = await client.services()
        chosen = [each for each in listed if service in (None, each.id)]
        if service and not chosen:
            raise NodeError(
                f"{client.node} has no service {service!r}",
                hint=f"services: {', '.join(each.id for each in listed)}",
            )
        return chosen

    return read


def _row(node: str, service: "ServiceStatus") -> dict[str, Any]:
    return {
        "node": node,
        "service": service.id,
        "state": service.state,
        "health": service.health,
        "last_change": _ago(service.since),
        "last_event": service.message,
    }


def _details(node: str, service: "ServiceStatus") -> Iterator[str]:
    yield f"NODE     {node}"
    yield f"ID       {service.id}"
    yield f"STATE    {service.state}"
    yield f"HEALTH   {service.health}"
    title = "EVENTS"
    for at, state, message in reversed(service.events):
        yield f"{title:<8} [{state}]: {message} ({_ago(at)})"
        title = ""


def _document(node: str, service: "ServiceStatus") -> dict[str, Any]:
    events = [
        {"at": at.isoformat(), "state": state, "message": message}
        for at, state, message in service.events
    ]
    return {
        "node": node,
        "service": service.id,
        "state": service.state,
        "health": service.health,
        "since": service.since.isoformat(),
        "events": events,
    }


def _ago(moment: datetime) -> str:
    # The node's clock may be ahead of ours.
    seconds = max(0.0, (datetime.now(UTC) - moment).total_seconds())
    return f"{format_duration(seconds)} ago"
