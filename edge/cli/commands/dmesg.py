# SPDX-License-Identifier: Apache-2.0
"""`edgectl dmesg`: a node's kernel log."""

from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.output import show_line

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines, until ctrl-C.")
@click.option("--tail", is_flag=True, help="With --follow: new lines only.")
@insecure_options
def command(*, follow: bool, tail: bool, insecure: bool, pins: tuple[str, ...]) -> None:
    """Show the kernel log.

    With several nodes each line begins with the name of its node.
    """
    access = choose_access(insecure=insecure, pins=pins)
    many = len(access.nodes) > 1

    async def show(client: "NodeClient") -> None:
        prefix = f"{client.node}: " if many else ""
        async for line in client.dmesg(follow=follow, tail=tail):
            show_line(f"{prefix}{line}")

    on_clients(access, show, deadline_s=None).finish()
