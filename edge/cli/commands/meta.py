# SPDX-License-Identifier: Apache-2.0
"""`edgectl meta`: values that a node keeps on its META partition."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.values import META_KEY

if TYPE_CHECKING:
    from edge.client.client import NodeClient

    # What was said about maintenance mode before the subcommand.
    Above = tuple[bool, tuple[str, ...]]


@click.group()
@insecure_options
@click.pass_context
def command(ctx: click.Context, *, insecure: bool, pins: tuple[str, ...]) -> None:
    """Write and delete values on the META partition of nodes."""
    ctx.obj = (insecure, pins)


@command.command(cls=NodeCommand)
@click.argument("key", type=META_KEY)
@click.argument("value")
@insecure_options
@click.pass_obj
def write(above: Above, *, key: int, value: str, insecure: bool, pins: tuple[str, ...]) -> None:
    """Store VALUE under KEY, a number such as 10 or 0x0a; "@-" reads it from stdin."""
    access = choose_access(insecure=insecure or above[0], pins=(*above[1], *pins), named_only=True)
    data = sys.stdin.buffer.read() if value == "@-" else value.encode()

    async def store(client: NodeClient) -> None:
        await client.meta_write(key, data)

    on_clients(access, store).finish()


@command.command(cls=NodeCommand)
@click.argument("key", type=META_KEY)
@insecure_options
@click.pass_obj
def delete(above: Above, *, key: int, insecure: bool, pins: tuple[str, ...]) -> None:
    """Remove the value under KEY, a number such as 10 or 0x0a."""
    access = choose_access(insecure=insecure or above[0], pins=(*above[1], *pins), named_only=True)

    async def remove(client: NodeClient) -> None:
        await client.meta_delete(key)

    on_clients(access, remove).finish()
