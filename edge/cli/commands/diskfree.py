# SPDX-License-Identifier: Apache-2.0
"""`edgectl diskfree`: how much room the file systems of nodes have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.units import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.client.client import NodeClient
    from edge.client.report import Room

_SIZES = ("path", "size", "used", "available", "percent_used")
_INODES = ("path", "inodes", "inodes_used", "inodes_free", "percent_used")


@click.command(cls=NodeCommand)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("-i", "--inodes", is_flag=True, help="Count inodes instead of bytes.")
@output_option()
def command(*, paths: tuple[str, ...], inodes: bool, output: str) -> None:
    """Show how much room there is where PATH is; without PATH, where anything is mounted."""

    async def read(client: NodeClient) -> list[Room]:
        wanted = paths or dict.fromkeys(
            each.mounted_on for each in await client.mounts() if each.size_bytes
        )
        return list(await asyncio.gather(*(client.room(path) for path in wanted)))

    columns = _INODES if inodes else _SIZES

    def shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
        sizes = {name: format_size(row[f"{name}_bytes"]) for name in _SIZES[1:4]}
        used, whole = ("inodes_used", "inodes") if inodes else ("used_bytes", "size_bytes")
        share = 100 * row[used] / row[whole] if row[whole] else 0.0
        return {**sizes, "percent_used": f"{share:.2f} %"}

    show_rows(choose_access(), read, columns=columns, output=output, shown=shown)
