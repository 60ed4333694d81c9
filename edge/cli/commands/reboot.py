# SPDX-License-Identifier: Apache-2.0
"""`edgectl reboot`: restart nodes and wait until they are back."""

from typing import TYPE_CHECKING, Any

import click

from edge.cli.ending import Waiting, choose_and_ask, drain_options, end_nodes, ending_options
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.option(
    "-m",
    "--mode",
    type=click.Choice(("default", "powercycle", "force")),
    default="default",
    show_default=True,
    help="By way of the firmware (powercycle); without stopping anything first (force).",
)
@drain_options
@ending_options
def command(*, mode: str, yes: bool, **waiting: Any) -> None:
    """Restart the nodes named with -n."""
    access = choose_and_ask("restart", yes=yes)

    async def reboot(client: "NodeClient") -> str:
        return await client.reboot(mode)

    end_nodes(access, reboot, comes_back=True, waiting=Waiting(**waiting))
