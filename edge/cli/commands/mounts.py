# SPDX-License-Identifier: Apache-2.0
"""`edgectl mounts`: what is mounted on nodes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.units import format_size

if TYPE_CHECKING:
    from edge.client.client import NodeClient

_COLUMNS = ("filesystem", "size", "used", "available", "percent_used", "mounted_on")


@click.command(cls=NodeCommand)
@output_option()
def command(*, output: str) -> None:
    """List the mounted file systems of nodes with their sizes."""
    show_rows(choose_access(), _read, columns=_COLUMNS, output=output, shown=_shown)


async def _read(client: "NodeClient") -> list[dict[str, Any]]:
    return [
        {
            "filesystem": each.filesystem,
            "size_bytes": each.size_bytes,
            "used_bytes": each.used_bytes,
            "available_bytes": each.available_bytes,
            "percent_used": round(each.percent, 2),
            "mounted_on": each.mounted_on,
        }
        for each in await client.mounts()
    ]


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    sizes = {name: format_size(row[f"{name}_bytes"]) for name in ("size", "used", "available")}
    return {**sizes, "percent_used": f"{row['percent_used']:.2f} %"}
