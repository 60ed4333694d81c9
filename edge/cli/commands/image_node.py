# SPDX-License-Identifier: Apache-2.0
"""`edgectl image list|pull|import|remove`: container images of nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.units import MIB, format_size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from edge.client.client import NodeClient
    from edge.client.container import ImageStatus, LayerProgress

_COLUMNS = ("image", "digest", "size", "labels", "created")
# What a node takes in one message is far more; this is what is read from the disk at once.
_CHUNK_BYTES = MIB
_SHORT_DIGEST = 12


def _store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--namespace",
        "store",
        type=click.Choice(("system", "cri", "inmem")),
        default="cri",
        show_default=True,
        help="Images of Kubernetes (cri), of the system's containers, or those in memory.",
    )(command)


@click.command("list", cls=NodeCommand)
@_store_option
@output_option()
def list_(*, store: str, output: str) -> None:
    """List the container images of nodes."""
    from edge.client.container import ImageStore

    async def read(client: NodeClient) -> Sequence[ImageStatus]:
        return await client.images(ImageStore(store))

    show_rows(choose_access(), read, columns=_COLUMNS, output=output, shown=_shown)


@click.command(cls=NodeCommand)
@click.argument("image")
@_store_option
@output_option()
def pull(*, image: str, store: str, output: str) -> None:
    """Have nodes fetch a container image.

    Prints what IMAGE is called for good, which is by its digest.
    """
    from edge.client.container import ImagePulled, ImageStore

    async def fetch(client: NodeClient) -> str:
        last: dict[str, str] = {}
        async for step in client.pull_image(image, ImageStore(store)):
            if isinstance(step, ImagePulled):
                return step.image
            if last.get(step.layer) != step.state:
                last[step.layer] = step.state
                click.echo(f"{client.node}: {_layer(step)}", err=True)
        return image

    results = on_clients(choose_access(), fetch, deadline_s=None)
    rows = [{"node": node, "image": name} for node, name in results.found]
    results.emit(rows, columns=("node", "image"), output=output)
    results.finish()


@click.command("import", cls=NodeCommand)
@click.argument("archive", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_store_option
@output_option()
def import_(*, archive: Path, store: str, output: str) -> None:
    """Send a container image to nodes.

    ARCHIVE is a tar file as `docker save` or `skopeo copy` write it.
    """
    from edge.client.container import ImageStore

    async def send(client: NodeClient) -> str:
        return await client.import_image(_chunks(archive), ImageStore(store))

    results = on_clients(choose_access(), send, deadline_s=None)
    rows = [{"node": node, "image": name} for node, name in results.found]
    results.emit(rows, columns=("node", "image"), output=output)
    results.finish()


@click.command(cls=NodeCommand)
@click.argument("image")
@_store_option
def remove(*, image: str, store: str) -> None:
    """Remove a container image.

    IMAGE is called as `list` shows it; the nodes are those named with -n.
    """
    from edge.client.container import ImageStore

    async def take_away(client: NodeClient) -> None:
        await client.remove_image(image, ImageStore(store))
        click.echo(f"{client.node}: removed {image}", err=True)

    on_clients(choose_access(named_only=True), take_away, deadline_s=None).finish()


async def _chunks(archive: Path) -> AsyncIterator[bytes]:
    with archive.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


def _layer(step: LayerProgress) -> str:
    size = f" ({format_size(step.total)})" if step.total else ""
    return f"layer {step.layer.partition(':')[2][:_SHORT_DIGEST]} {step.state}{size}"


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "size": format_size(row["size_bytes"]),
        "labels": ",".join(f"{key}={value}" for key, value in sorted(row["labels"].items())),
        "created": f"{row['created']:%Y-%m-%dT%H:%M:%SZ}",
    }
