# SPDX-License-Identifier: Apache-2.0
"""`edgectl copy`: files and folders of a node to this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.cli.single import only_node
from edge.errors import NodeError
from edge.units import format_size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.argument("source", metavar="PATH")
@click.argument("destination", metavar="FOLDER|-")
def command(*, source: str, destination: str) -> None:
    """Copy the file or folder PATH of one node into FOLDER of this machine.

    With - the compressed tar archive goes to stdout. Devices, pipes and links that lead out of
    FOLDER are left out and named. A copy that breaks off leaves nothing behind; one of which the
    node could not read everything is kept, with what is missing named and an error at the end.
    """
    access = only_node(choose_access(), "copy")

    async def copy(client: NodeClient) -> None:
        faults: list[str] = []
        chunks = client.copy(source, on_fault=faults.append)
        await (_print(chunks) if destination == "-" else _unpack(chunks, Path(destination)))
        if faults:
            raise NodeError(f"{client.node}: the copy is not whole: {'; '.join(faults)}")

    on_clients(access, copy, deadline_s=None).finish()


async def _print(chunks: AsyncIterator[bytes]) -> None:
    out = sys.stdout.buffer
    async for chunk in chunks:
        out.write(chunk)
    out.flush()


async def _unpack(chunks: AsyncIterator[bytes], folder: Path) -> None:
    from edge.provision.unpack import unpack

    result = await unpack(chunks, folder)
    for line in result.skipped:
        click.echo(f"left out: {line}", err=True)
    click.echo(f"{folder}: {result.files} files, {format_size(result.size_bytes)}", err=True)
