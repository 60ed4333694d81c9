# SPDX-License-Identifier: Apache-2.0
"""`edgectl meta`: values that a node keeps on its META partition."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.values import NUMBER

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.group()
def command() -> None:
    """Write and delete values on the META partition of nodes."""


@command.command(cls=NodeCommand)
@click.argument("key", type=NUMBER)
@click.argument("value")
@insecure_options
def write(*, key: int, value: str, insecure: bool, pins: tuple[str, ...]) -> None:
    """Store VALUE under KEY, a number such as 10 or 0x0a; "@-" reads it from stdin."""
    access = choose_access(insecure=insecure, pins=pins)
    data = sys.stdin.buffer.read() if value == "@-" else value.encode()

    async def store(client: NodeClient) -> None:
        await client.meta_write(key, data)

    on_clients(access, store).finish()


@command.command(cls=NodeCommand)
@click.argument("key", type=NUMBER)
@insecure_options
def delete(*, key: int, insecure: bool, pins: tuple[str, ...]) -> None:
    """Remove the value under KEY, a number such as 10 or 0x0a."""
    access = choose_access(insecure=insecure, pins=pins)

    async def remove(client: NodeClient) -> None:
        await client.meta_delete(key)

    on_clients(access, remove).finish()
