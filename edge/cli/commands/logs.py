# SPDX-License-Identifier: Apache-2.0
"""`edgectl logs`: the log of a service, or which logs there are."""

from typing import TYPE_CHECKING

import click

from edge.cli.nodes import Access, choose_access, on_clients
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.output import show_line
from edge.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines, until ctrl-C.")
@click.option(
    "--tail",
    type=click.IntRange(min=-1),
    default=-1,
    metavar="LINES",
    help="Begin with the last LINES lines instead of all.",
)
@click.option("-k", "--kubernetes", is_flag=True, help="NAME is a container of Kubernetes.")
@insecure_options
def command(
    *,
    name: str | None,
    follow: bool,
    tail: int,
    kubernetes: bool,
    insecure: bool,
    pins: tuple[str, ...],
) -> None:
    """Show the log NAME; without NAME, list the logs there are.

    With several nodes each line begins with the name of its node.
    """
    access = choose_access(insecure=insecure, pins=pins)
    if name is None:
        _list(access)
        return
    action = _printing(
        name,
        follow=follow,
        # Nought is what nodes take for "everything".
        tail=tail or -1,
        kubernetes=kubernetes,
        many=len(access.nodes) > 1,
    )
    on_clients(access, action, deadline_s=None).finish()


def _list(access: Access) -> None:
    async def names(client: "NodeClient") -> list[str]:
        return await client.log_names()

    results = on_clients(access, names)
    rows = [{"node": node, "log": name} for node, found in results.found for name in found]
    results.emit(rows, columns=("node", "log"), output="table")
    results.finish()


def _printing(
    name: str, *, follow: bool, tail: int, kubernetes: bool, many: bool
) -> "Callable[[NodeClient], Awaitable[None]]":
    async def show(client: "NodeClient") -> None:
        if not kubernetes and name not in (known := await client.log_names()):
            hint = f"logs: {', '.join(known)}"
            raise NodeError(f"{client.node} has no log {name!r}", hint=hint)
        prefix = f"{client.node}: " if many else ""
        lines = client.logs(name, follow=follow, tail=tail, kubernetes=kubernetes)
        async for line in lines:
            show_line(f"{prefix}{line}")

    return show
