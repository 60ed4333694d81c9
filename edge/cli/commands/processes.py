# SPDX-License-Identifier: Apache-2.0
"""`edgectl processes`: what runs on nodes."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from edge.client.client import NodeClient

WATCH_PERIOD_S = 2.0
_COLUMNS = ("pid", "state", "threads", "cpu_time", "virtual", "resident", "label", "command")
_CLEAR = "\x1b[H\x1b[2J"


@click.command(cls=NodeCommand)
@click.option(
    "-s",
    "--sort",
    type=click.Choice(("rss", "cpu", "pid", "threads")),
    default="rss",
    show_default=True,
    help="What comes first: most memory, most processor time, oldest, most threads.",
)
@click.option("-w", "--watch", is_flag=True, help="Show it anew every 2 s, until ctrl-C.")
@click.option(
    "--count", type=click.IntRange(min=1), metavar="NUMBER", help="Show this many of each node."
)
@output_option()
def command(*, sort: str, watch: bool, count: int | None, output: str) -> None:
    """List the processes of nodes."""
    access, read = choose_access(), _reading(sort, count)
    show_rows(access, read, columns=_COLUMNS, output=output, shown=_shown)
    while watch:
        time.sleep(WATCH_PERIOD_S)
        if output == "table":
            click.echo(_CLEAR if sys.stdout.isatty() else "", nl=not sys.stdout.isatty())
        show_rows(access, read, columns=_COLUMNS, output=output, shown=_shown)


def _reading(
    sort: str, count: int | None
) -> Callable[[NodeClient], Awaitable[list[dict[str, Any]]]]:
    async def read(client: NodeClient) -> list[dict[str, Any]]:
        rows = [
            {
                "pid": each.pid,
                "parent": each.parent,
                "state": each.state,
                "threads": each.threads,
                "cpu_seconds": round(each.cpu_seconds, 2),
                "virtual_bytes": each.virtual_bytes,
                "resident_bytes": each.resident_bytes,
                "label": each.label,
                "command": each.line,
            }
            for each in await client.processes()
        ]
        return sorted(rows, key=_KEYS[sort])[:count]

    return read


_KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "rss": lambda row: -row["resident_bytes"],
    "cpu": lambda row: -row["cpu_seconds"],
    "pid": lambda row: row["pid"],
    "threads": lambda row: -row["threads"],
}


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "cpu_time": format_duration(row["cpu_seconds"]),
        "virtual": format_size(row["virtual_bytes"]),
        "resident": format_size(row["resident_bytes"]),
    }
