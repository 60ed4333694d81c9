# SPDX-License-Identifier: Apache-2.0
"""`edgectl wipe`: destroy what disks of nodes hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edge.cli.confirm import confirm
from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand, insecure_options

if TYPE_CHECKING:
    from edge.client.client import NodeClient

_METHODS = {
    "FAST": "signatures and tables: what was there cannot be found any more",
    "ZEROES": "every byte, which takes long",
}


@click.group()
def command() -> None:
    """Destroy what disks of nodes hold."""


@command.command(cls=NodeCommand)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--method",
    type=click.Choice(tuple(_METHODS), case_sensitive=False),
    default="FAST",
    show_default=True,
    help="Overwrite what marks the content, or everything.",
)
@click.option("--drop-partition", is_flag=True, help="Remove a partition from its table too.")
@click.option("--skip-volume-check", is_flag=True, help="Even what a volume of the node uses.")
@click.option("--skip-secondary-check", is_flag=True, help="Even what another device uses.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@insecure_options
def disk(
    *,
    names: tuple[str, ...],
    method: str,
    drop_partition: bool,
    skip_volume_check: bool,
    skip_secondary_check: bool,
    yes: bool,
    insecure: bool,
    pins: tuple[str, ...],
) -> None:
    """Wipe the disks or partitions NAME, such as sda or nvme0n1p3, of the nodes named with -n."""
    access = choose_access(insecure=insecure, pins=pins, named_only=True)
    devices = tuple(name.removeprefix("/dev/") for name in names)
    if not yes:
        where = access.spelled
        click.echo(f"about to wipe {', '.join(devices)} of {where}", err=True)
        click.echo(f"  {_METHODS[method.upper()]}", err=True)
        confirm("go on?", yes=False)

    async def wipe(client: NodeClient) -> None:
        await client.wipe_disks(
            devices,
            method=method.upper(),
            drop_partition=drop_partition,
            skip_volume_check=skip_volume_check,
            skip_secondary_check=skip_secondary_check,
        )
        click.echo(f"{client.node}: wiped {', '.join(devices)}", err=True)

    on_clients(access, wipe, deadline_s=None).finish()
