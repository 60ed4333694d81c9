# SPDX-License-Identifier: Apache-2.0
"""`edgectl rollback`: back to what a node ran before its last upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edge.cli.ending import choose_and_ask
from edge.cli.nodes import on_clients
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def command(*, yes: bool) -> None:
    """Restart the nodes named with -n into what they ran before their last upgrade."""
    access = choose_and_ask("roll back", yes=yes)

    async def roll_back(client: NodeClient) -> None:
        await client.rollback()
        click.echo(f"{client.node}: asked", err=True)

    on_clients(access, roll_back).finish()
