# SPDX-License-Identifier: Apache-2.0
"""`edgectl usage`: what takes up the space of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edge.cli.exit import ExitCode
from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.cli.values import NUMBER
from edge.units import format_size

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("-a", "--all", "files", is_flag=True, help="Files too, not folders alone.")
@click.option(
    "-d",
    "--depth",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="LEVELS",
    help="Show so many levels below each PATH; 0 is PATH alone.",
)
@click.option("-H", "--humanize", is_flag=True, help="Show sizes as people say them.")
@click.option(
    "-t",
    "--threshold",
    type=NUMBER,
    default=0,
    metavar="BYTES",
    help="Hide what is smaller; with a minus in front what is larger.",
)
@output_option()
def command(
    *,
    paths: tuple[str, ...],
    files: bool,
    depth: int,
    humanize: bool,
    threshold: int,
    output: str,
) -> None:
    """Show how much the folders PATH take up on nodes."""
    faults: list[str] = []

    async def read(client: NodeClient) -> list[dict[str, Any]]:
        found = client.disk_usage(paths or ("/",), depth=depth, files=files, threshold=threshold)
        rows = []
        async for each in found:
            if each.error:
                faults.append(f"{client.node}: {each.path}: {each.error}")
            else:
                shown = each.path if len(paths) > 1 or not each.name else each.name
                size = format_size(each.size_bytes) if humanize else each.size_bytes
                rows.append({"size": size, "name": shown, "path": each.path})
        return rows

    show_rows(choose_access(), read, columns=("size", "name"), output=output, deadline_s=None)
    for fault in faults:
        click.echo(f"edgectl: {fault}", err=True)
    if faults:
        raise click.exceptions.Exit(ExitCode.NODE)
