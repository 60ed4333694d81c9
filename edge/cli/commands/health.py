# SPDX-License-Identifier: Apache-2.0
"""`edgectl health`: is the cluster well?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from edge.cli.nodes import Access, choose_access, on_nodes
from edge.cli.options import NodeCommand
from edge.cli.output import inert
from edge.cli.single import only_node
from edge.cli.values import DURATION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT = "20m"


@click.command(cls=NodeCommand)
@click.option(
    "--wait-timeout",
    "wait_s",
    type=DURATION,
    default=WAIT,
    show_default=True,
    metavar="TIME",
    help="How long everything may take to become well.",
)
@click.option(
    "--server/--no-server",
    default=None,
    help="Check from a control-plane node, or from here.  [default: from the node, if it is one]",
)
@click.option(
    "--control-plane-nodes",
    "control_planes",
    multiple=True,
    metavar="NODE",
    help="Check these control planes instead of those that are known.",
)
@click.option(
    "--worker-nodes",
    "workers",
    multiple=True,
    metavar="NODE",
    help="Check these workers instead of those that are known.",
)
@click.option("--init-node", "init", metavar="NODE", help="One more control plane.")
@click.option("--k8s-endpoint", metavar="URL", help="Taken and not used: nothing asks Kubernetes.")
@click.option("--run-e2e", is_flag=True, help="Taken and refused: there is no Kubernetes to test.")
def command(
    *,
    wait_s: float,
    server: bool | None,
    control_planes: tuple[str, ...],
    workers: tuple[str, ...],
    init: str | None,
    k8s_endpoint: str | None,  # noqa: ARG001 - what scripts for talosctl give
    run_e2e: bool,
) -> None:
    """Wait until the cluster is well; tell what is waited for.

    Nodes are reachable, have booted, know the time, run their services, have discovered each
    other and report no trouble. Several nodes, or any with --server=false, are checked from here.
    """
    if run_e2e:
        raise click.UsageError("there is no Kubernetes to test: leave out --run-e2e")
    access = choose_access()
    planes = _split((*((init,) if init else ()), *control_planes))
    named = (*planes, *_split(workers))
    if server is None:
        server = len(access.nodes) == 1
    if server:
        access = only_node(access, "--server")

    async def check(node: str) -> None:
        if not server:
            await _print(_from_here(access, named or access.nodes, wait_s))
            return
        async with access.open(node) as client:
            lines = client.health(
                wait_s=wait_s, control_planes=planes, workers=named[len(planes) :]
            )
            await _print(lines)

    # Checks from here are one job for all nodes, so that they are told in order.
    on_nodes(access.nodes[:1], check, deadline_s=None).finish()


async def _from_here(access: Access, nodes: tuple[str, ...], wait_s: float) -> AsyncIterator[str]:
    from edge.client.health import check_cluster

    openers = {node: partial(access.open, node) for node in nodes}
    async for line in check_cluster(openers, wait_s=wait_s):
        yield line


async def _print(lines: AsyncIterator[str]) -> None:
    async for line in lines:
        click.echo(inert(line), err=True)


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    parts = (part.strip() for value in values for part in value.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))
