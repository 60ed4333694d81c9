# SPDX-License-Identifier: Apache-2.0
"""`edgectl upgrade`: another version of the operating system on nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edge.cli.ending import Waiting, choose_and_ask, drain_options, end_nodes, ending_options
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.option("-i", "--image", required=True, metavar="REFERENCE", help="The image to install.")
@click.option("--preserve", is_flag=True, help="Keep what workloads stored on the node.")
@click.option("-s", "--stage", is_flag=True, help="Install it during the next start.")
@click.option("-f", "--force", is_flag=True, help="Even when etcd is not well.")
@click.option(
    "-m",
    "--reboot-mode",
    type=click.Choice(("default", "powercycle")),
    default="default",
    show_default=True,
    help="Restart by way of the firmware (powercycle).",
)
@click.option("--no-reboot", is_flag=True, help="Taken and refused: nodes restart in the end.")
@click.option(
    "--legacy", is_flag=True, expose_value=False, help="Taken: there is no other way yet."
)
@click.option(
    "--namespace",
    type=click.Choice(("system", "cri", "inmem")),
    expose_value=False,
    help="Taken: the node chooses where the image goes.",
)
@drain_options
@ending_options
def command(
    *,
    image: str,
    preserve: bool,
    stage: bool,
    force: bool,
    reboot_mode: str,
    no_reboot: bool,
    yes: bool,
    **waiting: Any,
) -> None:
    """Install another version on the nodes named with -n and restart them into it.

    A node that does not come up with it returns to the version it has now.
    """
    if no_reboot:
        raise click.UsageError("nodes restart at the end of an upgrade: leave out --no-reboot")
    loss = () if preserve else ("what workloads stored on them may be lost; --preserve keeps it",)
    access = choose_and_ask("upgrade", loss=loss, yes=yes)

    async def upgrade(client: NodeClient) -> str:
        from edge.client.report import UpgradeOrder

        return await client.upgrade(
            UpgradeOrder(
                image=image,
                preserve=preserve,
                stage=stage,
                force=force,
                powercycle=reboot_mode == "powercycle",
            )
        )

    end_nodes(access, upgrade, comes_back=True, waiting=Waiting(**waiting))
