# SPDX-License-Identifier: Apache-2.0
"""`edgectl memory`: how much memory nodes use."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.units import KIB, format_size

if TYPE_CHECKING:
    from edge.client.client import NodeClient

_COLUMNS = ("total", "used", "free", "shared", "buffers", "cache", "available")
_SOURCES = {
    "total": "memtotal",
    "free": "memfree",
    "shared": "shmem",
    "buffers": "buffers",
    "cache": "cached",
    "available": "memavailable",
}


@click.command(cls=NodeCommand)
@click.option("-v", "--verbose", is_flag=True, help="Show every figure of the kernel, in KiB.")
@output_option()
@insecure_options
def command(*, verbose: bool, output: str, insecure: bool, pins: tuple[str, ...]) -> None:
    """Show how much memory nodes have and use."""
    access = choose_access(insecure=insecure, pins=pins)
    if verbose and output == "table":
        show_rows(access, _figures, columns=("figure", "kib"), output=output)
    else:
        show_rows(access, _read, columns=_COLUMNS, output=output, shown=_shown)


async def _read(client: "NodeClient") -> list[dict[str, int]]:
    return [dict(await client.memory())]


async def _figures(client: "NodeClient") -> list[dict[str, Any]]:
    return [{"figure": name, "kib": value} for name, value in (await client.memory()).items()]


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    used = row["memtotal"] - row["memfree"] - row["buffers"] - row["cached"]
    shown = {name: format_size(row[source] * KIB) for name, source in _SOURCES.items()}
    return {**shown, "used": format_size(max(0, used) * KIB)}
