# SPDX-License-Identifier: Apache-2.0
"""`edgectl dashboard`: one node after the other, live in the terminal."""

import click

from edge.cli.commands.tui import open_interface
from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand, given_targets, insecure_options


@click.command(cls=NodeCommand)
@insecure_options
def command(*, insecure: bool, pins: tuple[str, ...]) -> None:
    """Show nodes live: processor, memory, services, logs.

    With several nodes the left and right keys change between them.
    """
    access = choose_access(insecure=insecure, pins=pins)
    open_interface(given_targets(), access.nodes, dashboard=True)
