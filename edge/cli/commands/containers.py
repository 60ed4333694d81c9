# SPDX-License-Identifier: Apache-2.0
"""`edgectl containers`: what containerd runs on nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge.client.client import NodeClient
    from edge.client.container import ContainerStatus

_COLUMNS = ("namespace", "id", "image", "pid", "status")


@click.command(cls=NodeCommand)
@click.option("-k", "--kubernetes", is_flag=True, help="Those of Kubernetes, not the system's.")
# What older command lines say for the same as -k does today.
@click.option("--use-cri", is_flag=True, hidden=True, expose_value=False)
@output_option()
def command(*, kubernetes: bool, output: str) -> None:
    """List the containers of nodes."""

    async def read(client: NodeClient) -> Sequence[ContainerStatus]:
        return await client.containers(kubernetes=kubernetes)

    show_rows(choose_access(), read, columns=_COLUMNS, output=output, shown=_shown)


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    inside = row["id"] != row["pod"]
    return {"id": f"└─ {row['id']}" if inside else row["id"], "pid": row["pid"] or ""}
