# SPDX-License-Identifier: Apache-2.0
"""`edgectl shutdown`: power nodes off."""

from typing import TYPE_CHECKING, Any

import click

from edge.cli.ending import Waiting, choose_and_ask, end_nodes, ending_options
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.option("--force", is_flag=True, help="Without stopping anything first.")
@ending_options
def command(*, force: bool, yes: bool, **waiting: Any) -> None:
    """Power off the nodes named with -n."""
    loss = ("only somebody who is there can switch them on again",)
    access = choose_and_ask("power off", loss=loss, yes=yes)

    async def shutdown(client: "NodeClient") -> str:
        return await client.shutdown(force=force)

    end_nodes(access, shutdown, comes_back=False, waiting=Waiting(**waiting))
