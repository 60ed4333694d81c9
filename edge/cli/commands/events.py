# SPDX-License-Identifier: Apache-2.0
"""`edgectl events`: what happens on nodes, as it happens."""

import json
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.output import output_option

if TYPE_CHECKING:
    from edge.client.client import NodeClient
    from edge.client.model import Happening


@click.command(cls=NodeCommand)
@click.option(
    "--tail",
    type=click.IntRange(min=-1),
    default=0,
    show_default=True,
    metavar="COUNT",
    help="Begin with the last COUNT events; -1 is all.",
)
@output_option("text", "jsonl")
@insecure_options
def command(*, tail: int, output: str, insecure: bool, pins: tuple[str, ...]) -> None:
    """Show events as they happen, until ctrl-C."""
    access = choose_access(insecure=insecure, pins=pins)

    async def show(client: "NodeClient") -> None:
        async for event in client.events(tail):
            row = _row(client.node, event)
            click.echo(json.dumps(row) if output == "jsonl" else _line(row))

    on_clients(access, show, deadline_s=None).finish()


def _row(node: str, event: "Happening") -> dict[str, Any]:
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
    return f"{row['node']}   {row['type'].removesuffix('Event'):<16} {text}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) and " " not in value else json.dumps(value)
