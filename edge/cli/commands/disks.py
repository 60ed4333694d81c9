# SPDX-License-Identifier: Apache-2.0
"""`edgectl disks`: the disks of nodes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.units import format_size

if TYPE_CHECKING:
    from edge.client.client import NodeClient
    from edge.client.report import DiskStatus

_COLUMNS = ("device", "model", "serial", "type", "size", "bus_path", "system_disk", "read_only")


@click.command(cls=NodeCommand)
@output_option()
@insecure_options
def command(*, output: str, insecure: bool, pins: tuple[str, ...]) -> None:
    """List the disks of nodes; the one they run from is marked."""

    async def read(client: "NodeClient") -> "list[DiskStatus]":
        return await client.disks()

    access = choose_access(insecure=insecure, pins=pins)
    show_rows(access, read, columns=_COLUMNS, output=output, shown=_shown)


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "size": format_size(row["size_bytes"]),
        "system_disk": "*" if row["is_system"] else "",
        "read_only": "*" if row["is_readonly"] else "",
    }
