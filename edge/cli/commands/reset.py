# SPDX-License-Identifier: Apache-2.0
"""`edgectl reset`: wipe nodes, by default back to maintenance mode."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edge.cli.ending import choose_and_ask, end_nodes, ending_options
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient

_DEFAULT = "STATE,EPHEMERAL"
_LOSSES = {
    "STATE": "STATE: the machine configuration and every key in it",
    "EPHEMERAL": "EPHEMERAL: everything that workloads stored on the node",
}


@click.command(cls=NodeCommand)
@click.option(
    "--system-labels-to-wipe",
    "labels",
    metavar="LABELS",
    multiple=True,
    help=f"Volumes to wipe, separated by commas.  [default: {_DEFAULT}]",
)
@click.option("--wipe-disk", is_flag=True, help="Wipe the whole system disk, boot files too.")
@click.option(
    "--reboot/--no-reboot", default=True, show_default=True, help="Restart, or power off."
)
@ending_options
def command(
    *,
    labels: tuple[str, ...],
    wipe_disk: bool,
    reboot: bool,
    wait: bool,
    deadline_s: float,
    yes: bool,
) -> None:
    """Wipe the nodes named with -n; they come back in maintenance mode."""
    if wipe_disk and labels:
        raise click.UsageError("--wipe-disk wipes every volume: leave out --system-labels-to-wipe")
    chosen = () if wipe_disk else _split(labels or (_DEFAULT,))
    access = choose_and_ask("wipe", loss=_losses(chosen), yes=yes)

    async def reset(client: "NodeClient") -> None:
        await client.reset(chosen, reboot=reboot)

    # A disk without boot files has nothing to come back from.
    comes_back = reboot and not wipe_disk
    end_nodes(access, reset, comes_back=comes_back, wait=wait, deadline_s=deadline_s)


def _split(texts: Sequence[str]) -> tuple[str, ...]:
    parts = (part.strip().upper() for text in texts for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _losses(labels: Sequence[str]) -> tuple[str, ...]:
    if not labels:
        return (
            "the whole system disk: configuration, data and the files to boot from",
            "the nodes do not start again until their cards are flashed anew",
        )
    lost = tuple(_LOSSES.get(label, f"{label}: everything on it") for label in labels)
    return (*lost, "nothing of this can be brought back")
