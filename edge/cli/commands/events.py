# SPDX-License-Identifier: Apache-2.0
"""`edgectl events`: what happens on nodes, as it happens."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access, on_clients, say_gap
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.output import inert, output_option
from edge.cli.values import DURATION

if TYPE_CHECKING:
    from edge.client.client import NodeClient
    from edge.client.model import Happening

_EVENT_ID = re.compile(r"[0-9a-v]{20}")


@click.command(cls=NodeCommand)
@click.option(
    "--tail",
    type=click.IntRange(min=-1),
    default=0,
    show_default=True,
    metavar="COUNT",
    help="Begin with the last COUNT events; -1 is all.",
)
@click.option(
    "--duration",
    "since_s",
    type=DURATION,
    default=0,
    metavar="TIME",
    help="Begin with the events of the last TIME, such as 10m.",
)
@click.option(
    "--since", "since_id", default="", metavar="ID", help="Begin after the event called ID."
)
@click.option("--actor-id", "actor", default="", metavar="ID", help="Only what this actor caused.")
@output_option("text", "jsonl")
@insecure_options
def command(
    *,
    tail: int,
    since_s: float,
    since_id: str,
    actor: str,
    output: str,
    insecure: bool,
    pins: tuple[str, ...],
) -> None:
    """Show events as they happen, until ctrl-C."""
    if sum(bool(each) for each in (tail, since_s, since_id)) > 1:
        raise click.UsageError("--tail, --duration and --since each say where to begin: give one")
    if since_id and not _EVENT_ID.fullmatch(since_id):
        raise click.BadParameter(f"{since_id!r} is no id of an event", param_hint="--since")
    access = choose_access(insecure=insecure, pins=pins)

    async def show(client: NodeClient) -> None:
        from edge.client.follow import follow_events

        past = follow_events(
            client, tail, since_id=since_id, since_s=int(since_s), actor=actor, on_gap=say_gap
        )
        async for event in past:
            row = _row(client.node, event)
            click.echo(json.dumps(row) if output == "jsonl" else inert(_line(row)))

    on_clients(access, show, deadline_s=None).finish()


def _row(node: str, event: Happening) -> dict[str, Any]:
    return {
        "node": node,
        "id": event.id,
        "type": event.type,
        "actor": event.actor,
        "fields": dict(event.fields),
    }


def _line(row: dict[str, Any]) -> str:
    fields = row["fields"]
    text = " ".join(f"{key}={_value(value)}" for key, value in fields.items())
    kind = row["type"].removesuffix("Event")
    return f"{row['node']}   {row['id']}   {kind:<16} {row['actor'] or '-'}   {text}".rstrip()


def _value(value: Any) -> str:
    return value if isinstance(value, str) and " " not in value else json.dumps(value)
