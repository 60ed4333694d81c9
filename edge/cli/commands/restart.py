# SPDX-License-Identifier: Apache-2.0
"""`edgectl restart`: end a container, so that whoever started it starts it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.argument("container", metavar="ID")
@click.option("-k", "--kubernetes", is_flag=True, help="One of Kubernetes, not the system's.")
# What older command lines say for the same as -k does today.
@click.option("--use-cri", is_flag=True, hidden=True, expose_value=False)
def command(*, container: str, kubernetes: bool) -> None:
    """Send SIGTERM to the container ID, called as `edgectl containers` shows it."""

    async def restart(client: NodeClient) -> None:
        await client.restart_container(container, kubernetes=kubernetes)
        click.echo(f"{client.node}: told {container} to end", err=True)

    on_clients(choose_access(named_only=True), restart).finish()
