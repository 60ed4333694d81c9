# SPDX-License-Identifier: Apache-2.0
"""`edgectl tui`: the nodes of the network, live in the terminal."""

import sys
from pathlib import Path

import click

from edge.cli.options import NodeCommand, Targets, given_targets


@click.command(cls=NodeCommand)
def command() -> None:
    """Open the terminal interface.

    It shows the nodes that mDNS finds and those that --nodes or the client configuration names.
    Press ? in it for its keys.
    """
    require_terminal()
    from tui.app import run

    targets = given_targets()
    nodes = targets.nodes or targets.endpoints
    run(client_configuration(targets), nodes, context=targets.context)


def require_terminal() -> None:
    """Refuse to run where nobody could see or press anything.

    Raises:
        click.UsageError: when input or output is not a terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "this needs a terminal; `edgectl discover --watch` and `edgectl get` print instead"
        )


def client_configuration(targets: Targets) -> Path | None:
    """Return the client configuration, or nothing when none is named and none is there."""
    from edge.config.talosconfig import find_talosconfig

    path = find_talosconfig(targets.talosconfig)
    return path if targets.talosconfig or targets.context or path.exists() else None
