# SPDX-License-Identifier: Apache-2.0
"""`edgectl read`: a file of a node."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.cli.single import only_node

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.argument("path")
def command(*, path: str) -> None:
    """Print the file PATH of one node, byte for byte."""

    async def show(client: NodeClient) -> None:
        out = sys.stdout.buffer
        async for chunk in client.read(path):
            out.write(chunk)
        out.flush()

    on_clients(only_node(choose_access(), "read"), show, deadline_s=None).finish()
