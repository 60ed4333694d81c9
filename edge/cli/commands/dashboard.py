# SPDX-License-Identifier: Apache-2.0
"""`edgectl dashboard`: one node after the other, live in the terminal."""

import click

from edge.cli.commands.tui import client_configuration, require_terminal
from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand, given_targets, insecure_options


@click.command(cls=NodeCommand)
@insecure_options
def command(*, insecure: bool, pins: tuple[str, ...]) -> None:
    """Show nodes live: processor, memory, services, logs.

    With several nodes the left and right keys change between them.
    """
    access = choose_access(insecure=insecure, pins=pins)
    require_terminal()
    from tui.app import run

    targets = given_targets()
    run(
        None if insecure else client_configuration(targets),
        access.nodes,
        context=targets.context,
        dashboard=True,
        pins=pins,
    )
