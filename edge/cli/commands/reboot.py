# SPDX-License-Identifier: Apache-2.0
"""`edgectl reboot`: restart nodes and wait until they are back."""

from typing import TYPE_CHECKING

import click

from edge.cli.ending import choose_and_ask, end_nodes, ending_options
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@ending_options
def command(*, wait: bool, deadline_s: float, yes: bool) -> None:
    """Restart the nodes named with -n."""
    access = choose_and_ask("restart", yes=yes)
    end_nodes(access, _reboot, comes_back=True, wait=wait, deadline_s=deadline_s)


async def _reboot(client: "NodeClient") -> None:
    await client.reboot()
