# SPDX-License-Identifier: Apache-2.0
"""`edgectl interfaces` and `edgectl routes`: names of old that say where to look now."""

import click

from edge.cli.options import NodeCommand


@click.command(cls=NodeCommand)
def command() -> None:
    """Say which resources tell what this command told in the past."""
    raise click.UsageError(
        "this is a resource now: edgectl get links, edgectl get addresses, edgectl get routes"
    )
