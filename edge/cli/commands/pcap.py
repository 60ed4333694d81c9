# SPDX-License-Identifier: Apache-2.0
"""`edgectl pcap`: what passes a network interface of a node."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.cli.single import only_node
from edge.cli.values import DURATION
from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import BinaryIO

    from edge.client.client import NodeClient
    from edge.provision.packet import Step


@click.command(cls=NodeCommand)
@click.option(
    "-i", "--interface", default="eth0", show_default=True, metavar="NAME", help="Where to listen."
)
@click.option("--promiscuous", is_flag=True, help="Packets for others, too.")
@click.option(
    "--bpf-filter",
    "filter_text",
    default="",
    metavar="FILTER",
    help="Only what this lets through, as `tcpdump -dd` compiles it; @FILE reads it.",
)
@click.option(
    "-s",
    "--snaplen",
    "snap_bytes",
    type=click.IntRange(min=0),
    default=0,
    metavar="BYTES",
    help="Keep so much of each packet.  [default: the node's]",
)
@click.option("--duration", "seconds", type=DURATION, metavar="TIME", help="Stop after TIME.")
@click.option(
    "-o", "--output", "file", metavar="FILE", help="Save the capture; - is stdout. Show it if not."
)
def command(
    *,
    interface: str,
    promiscuous: bool,
    filter_text: str,
    snap_bytes: int,
    seconds: float | None,
    file: str | None,
) -> None:
    """Show or save what passes an interface of one node, until ctrl-C."""
    access = only_node(choose_access(), "pcap")
    program = _program(filter_text)

    async def capture(client: NodeClient) -> None:
        chunks = client.capture(
            interface, promiscuous=promiscuous, snap_bytes=snap_bytes, program=program
        )
        try:
            async with asyncio.timeout(seconds), aclosing(cast("Any", chunks)):
                await (_save(chunks, file) if file else _show(chunks))
        except TimeoutError:
            return

    on_clients(access, capture, deadline_s=None).finish()


def _program(text: str) -> tuple[Step, ...]:
    if not text:
        return ()
    from edge.provision.packet import parse_filter
    from edge.text import read_given

    return parse_filter(read_given(Path(text[1:])) if text.startswith("@") else text)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdout.buffer
        return
    # What passes a node may be secret: nobody else reads it.
    try:
        target = open(file, "wb", opener=_open_private)  # noqa: SIM115 - closed below
    except OSError as error:
        raise EdgeError(f"writing {file}: {error.strerror}") from error
    with target:
        yield target


def _open_private(file: str, flags: int) -> int:
    return os.open(file, flags, 0o600)


async def _save(chunks: AsyncIterator[bytes], file: str) -> None:
    with _opened(file) as target:
        async for chunk in chunks:
            target.write(chunk)
            target.flush()


async def _show(chunks: AsyncIterator[bytes]) -> None:
    from edge.provision.packet import describe, read_packets

    async for packet in read_packets(chunks):
        at = datetime.fromtimestamp(packet.at, UTC)
        click.echo(f"{at:%H:%M:%S.%f} {describe(packet)}")
