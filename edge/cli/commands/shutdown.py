# SPDX-License-Identifier: Apache-2.0
"""`edgectl shutdown`: power nodes off."""

from typing import TYPE_CHECKING

import click

from edge.cli.ending import choose_and_ask, end_nodes, ending_options
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@ending_options
def command(*, wait: bool, deadline_s: float, yes: bool) -> None:
    """Power off the nodes named with -n."""
    loss = ("only somebody who is there can switch them on again",)
    access = choose_and_ask("power off", loss=loss, yes=yes)
    end_nodes(access, _shutdown, comes_back=False, wait=wait, deadline_s=deadline_s)


async def _shutdown(client: "NodeClient") -> None:
    await client.shutdown()
