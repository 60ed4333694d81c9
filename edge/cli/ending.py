# SPDX-License-Identifier: Apache-2.0
"""What `reboot`, `shutdown` and `reset` share: naming the nodes, asking, waiting for the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edge.cli.confirm import confirm
from edge.cli.nodes import Access, choose_access, on_nodes
from edge.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from edge.client.client import NodeClient

    Action = Callable[[NodeClient], Awaitable[object]]

DEADLINE_S = 600


def ending_options(command: Any) -> Any:
    """Add `--wait`, `--timeout` and `--yes` to a command that ends a node's boot."""
    wait = click.option(
        "--wait/--no-wait", default=True, show_default=True, help="Wait until it is done."
    )
    timeout = click.option(
        "--timeout",
        "deadline_s",
        type=click.IntRange(min=1),
        default=DEADLINE_S,
        show_default=True,
        metavar="SECONDS",
        help="Longest wait.",
    )
    yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
    return wait(timeout(yes(command)))


def choose_and_ask(verb: str, *, loss: Sequence[str] = (), yes: bool) -> Access:
    """Return the nodes that the command line names, once the user agreed to lose them.

    Raises:
        click.Abort: when he did not.
    """
    access = choose_access(named_only=True)
    if not yes:
        click.echo(f"about to {verb}: {', '.join(access.nodes)}", err=True)
        for line in loss:
            click.echo(f"  {line}", err=True)
        confirm("go on?", yes=False)
    return access


def end_nodes(
    access: Access, action: Action, *, comes_back: bool, wait: bool, deadline_s: float
) -> None:
    """Run `action` on every node and, if wanted, wait until it is back or gone."""

    async def end(node: str) -> None:
        from edge.provision.restart import read_boot_id, wait_gone, wait_restarted

        async with access.open(node) as client:
            before = await read_boot_id(client) if wait and comes_back else ""
            await action(client)
        if not wait:
            click.echo(f"{node}: asked", err=True)
        elif comes_back:
            ways = (lambda: access.open(node), lambda: _open_unconfigured(node))
            seconds = await wait_restarted(node, before, ways, deadline_s=deadline_s)
            click.echo(f"{node}: back after {format_duration(seconds)}", err=True)
        else:
            seconds = await wait_gone(node, deadline_s=deadline_s)
            click.echo(f"{node}: gone after {format_duration(seconds)}", err=True)

    on_nodes(access.nodes, end, deadline_s=None).finish()


def _open_unconfigured(node: str) -> AbstractAsyncContextManager[NodeClient]:
    from edge.client.client import connect
    from edge.client.trust import Blind

    # Only the boot identity is read this way: nothing that a stranger must not learn is sent.
    return connect(node, Blind())
