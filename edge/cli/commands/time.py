# SPDX-License-Identifier: Apache-2.0
"""`edgectl time`: nodes' clocks beside a time server's."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows

if TYPE_CHECKING:
    from edge.client.client import NodeClient

_COLUMNS = ("ntp_server", "node_time", "ntp_server_time", "offset")


@click.command(cls=NodeCommand)
@click.option(
    "-c",
    "--check",
    "server",
    default="",
    metavar="SERVER",
    help="Compare with this server instead of the one that the node is configured to ask.",
)
@output_option()
def command(*, server: str, output: str) -> None:
    """Show what time it is on nodes, and how far that is from a time server's."""

    async def read(client: "NodeClient") -> list[dict[str, Any]]:
        sample = await client.clock(server)
        return [
            {
                "ntp_server": sample.server,
                "node_time": sample.local.isoformat(),
                "ntp_server_time": sample.remote.isoformat(),
                "offset_s": round(sample.offset_s, 6),
            }
        ]

    show_rows(choose_access(), read, columns=_COLUMNS, output=output, shown=_shown)


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"offset": f"{row['offset_s']:+.6f} s"}
