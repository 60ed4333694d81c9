# SPDX-License-Identifier: Apache-2.0
"""`edgectl bootstrap`: the first member of etcd, once in the life of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.cli.single import only_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.client.client import NodeClient

_DEADLINE_S = 300.0
_CHUNK_BYTES = 1 << 20


@click.command(cls=NodeCommand)
@click.option(
    "--recover-from",
    "snapshot",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Begin with the data of this snapshot of etcd.",
)
@click.option("--recover-skip-hash-check", "skip", is_flag=True, help="Trust a copied data file.")
def command(*, snapshot: Path | None, skip: bool) -> None:
    """Start etcd and Kubernetes on one control plane; the others join it."""
    if skip and not snapshot:
        raise click.UsageError("--recover-skip-hash-check goes with --recover-from")
    access = only_node(choose_access(), "bootstrap")

    async def bootstrap(client: NodeClient) -> None:
        if snapshot:
            await client.etcd_recover(_chunks(snapshot))
        await client.bootstrap(recover=snapshot is not None, skip_hash_check=skip)

    on_clients(access, bootstrap, deadline_s=_DEADLINE_S).finish()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
