# SPDX-License-Identifier: Apache-2.0
"""`edgectl reset`: wipe nodes, by default back to maintenance mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from edge.cli.ending import Waiting, choose_and_ask, end_nodes, ending_options
from edge.cli.options import NodeCommand, insecure_options

if TYPE_CHECKING:
    from edge.client.client import NodeClient

_DEFAULT = "STATE,EPHEMERAL"
_LOSSES = {
    "STATE": "STATE: the machine configuration and every key in it",
    "EPHEMERAL": "EPHEMERAL: everything that workloads stored on the node",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wipe:
    """What is wiped; the whole system disk when there are no labels and no mode says otherwise."""

    labels: tuple[str, ...]
    disks: tuple[str, ...]
    mode: str

    @property
    def whole(self) -> bool:
        return not self.labels and self.mode != "user-disks"


@click.command(cls=NodeCommand)
@click.option(
    "--system-labels-to-wipe",
    "labels",
    metavar="LABELS",
    multiple=True,
    help=f"Volumes to wipe, separated by commas.  [default: {_DEFAULT}]",
)
@click.option(
    "--user-disks-to-wipe",
    "disks",
    metavar="DISKS",
    multiple=True,
    help="Other disks to wipe, such as /dev/sdb, separated by commas.",
)
@click.option(
    "--wipe-mode",
    type=click.Choice(("all", "system-disk", "user-disks")),
    help="Without --system-labels-to-wipe: the whole system disk, or user disks alone.",
)
@click.option("--wipe-disk", is_flag=True, help="Wipe the whole system disk, boot files too.")
@click.option(
    "--graceful/--no-graceful",
    default=True,
    show_default=True,
    help="Leave etcd and drain first, on nodes that have them.",
)
@click.option(
    "--reboot/--no-reboot", default=True, show_default=True, help="Restart, or power off."
)
@ending_options
@insecure_options
def command(
    *,
    labels: tuple[str, ...],
    disks: tuple[str, ...],
    wipe_mode: str | None,
    wipe_disk: bool,
    graceful: bool,
    reboot: bool,
    yes: bool,
    insecure: bool,
    pins: tuple[str, ...],
    **waiting: Any,
) -> None:
    """Wipe the nodes named with -n; they come back in maintenance mode."""
    wipe = _choose(_split(labels, upper=True), _split(disks), wipe_mode, whole=wipe_disk)
    access = choose_and_ask("wipe", loss=_losses(wipe), yes=yes, insecure=insecure, pins=pins)

    async def reset(client: "NodeClient") -> str:
        return await client.reset(
            wipe.labels, disks=wipe.disks, mode=wipe.mode, graceful=graceful, reboot=reboot
        )

    # A disk without boot files has nothing to come back from.
    comes_back = reboot and not wipe.whole
    end_nodes(access, reset, comes_back=comes_back, waiting=Waiting(**waiting))


def _choose(
    labels: tuple[str, ...], disks: tuple[str, ...], mode: str | None, *, whole: bool
) -> _Wipe:
    if whole and labels:
        raise click.UsageError("--wipe-disk wipes every volume: leave out --system-labels-to-wipe")
    if mode == "user-disks":
        if labels or whole:
            raise click.UsageError("--wipe-mode=user-disks wipes nothing of the system disk")
        if not disks:
            raise click.UsageError("--wipe-mode=user-disks wants --user-disks-to-wipe")
    if mode == "system-disk" and disks:
        raise click.UsageError("--wipe-mode=system-disk wipes no user disks")
    if not (labels or whole or mode):
        labels = _split((_DEFAULT,))
    return _Wipe(labels=labels, disks=disks, mode=mode or ("all" if disks else "system-disk"))


def _split(texts: Sequence[str], *, upper: bool = False) -> tuple[str, ...]:
    parts = (part.strip() for text in texts for part in text.split(","))
    return tuple(dict.fromkeys(part.upper() if upper else part for part in parts if part))


def _losses(wipe: _Wipe) -> tuple[str, ...]:
    lost = [f"{disk}: everything on it" for disk in wipe.disks]
    if wipe.whole:
        lost += [
            "the whole system disk: configuration, data and the files to boot from",
            "the nodes do not start again until their cards are flashed anew",
        ]
    lost += [_LOSSES.get(label, f"{label}: everything on it") for label in wipe.labels]
    return (*lost, "nothing of this can be brought back")
