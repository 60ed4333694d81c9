# SPDX-License-Identifier: Apache-2.0
"""From a node to its configuration: choose a file, compare, look again, apply."""

from typing import TYPE_CHECKING

from tui.model import Node
from tui.screens.apply import ApplyScreen
from tui.screens.change import ChangeScreen
from tui.services import Target

if TYPE_CHECKING:
    from tui.app import EdgeApp


async def configure(
    edge: "EdgeApp", node: Node, target: Target, *, read_on_console: bool = False
) -> bool:
    """Have the user apply a configuration to a node; say whether it was applied.

    `read_on_console` says that the target's fingerprint comes from the node's own console, so
    that nobody needs to compare it.
    """
    change = await edge.push_screen_wait(ApplyScreen(edge.services, node, target))
    if change is None:
        return False
    done = await edge.push_screen_wait(
        ChangeScreen(edge.services, node, target, change, read_on_console=read_on_console)
    )
    return bool(done)
