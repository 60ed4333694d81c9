# SPDX-License-Identifier: Apache-2.0
"""`edgectl tui`: the nodes of the network, live in the terminal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.options import NodeCommand, Targets, given_targets

if TYPE_CHECKING:
    from tui.console import Line


@click.command(cls=NodeCommand)
@click.option(
    "--console",
    metavar="DEV",
    help="Begin with this serial console: a device, socket:// or rfc2217://.",
)
@click.option("--board", help="The board at that console, which says how fast it is.")
@click.option("--baud", type=click.IntRange(min=50), help="Its speed; 115200 unless told.")
def command(*, console: str | None, board: str | None, baud: int | None) -> None:
    """Open the terminal interface.

    It shows the nodes that mDNS finds and those that --nodes or the client configuration names.
    Press ? in it for its keys.
    """
    if (board or baud) and not console:
        raise click.UsageError("--board and --baud are about a --console")
    require_terminal()
    from tui.app import run

    targets = given_targets()
    nodes = targets.nodes or targets.endpoints
    line = _line(console, board, baud) if console else None
    run(client_configuration(targets), nodes, context=targets.context, console=line)


def _line(port: str, board: str | None, baud: int | None) -> "Line":
    from tui.console import USUAL_BAUD, BoardConsole, Line

    if board is None:
        return Line(port=port, baud=baud or USUAL_BAUD)
    from boards.catalog import load_profile

    known = BoardConsole.of(load_profile(board))
    return Line(port=port, baud=baud or known.baud, board=known)


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
