# SPDX-License-Identifier: Apache-2.0
"""`edgectl netstat`: the sockets of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.rows import show_rows

if TYPE_CHECKING:
    from edge.client.client import NodeClient
    from edge.client.report import Connection, SocketQuery

_COLUMNS = ("protocol", "receive_queue", "send_queue", "local", "remote", "state")


@click.command(cls=NodeCommand)
@click.option("-a", "--all", "all_", is_flag=True, help="Listening sockets and connections.")
@click.option("-l", "--listening", is_flag=True, help="Listening sockets instead of connections.")
@click.option("-t", "--tcp", is_flag=True, help="TCP only.")
@click.option("-u", "--udp", is_flag=True, help="UDP only.")
@click.option("-U", "--udplite", is_flag=True, help="UDP-Lite only.")
@click.option("-w", "--raw", is_flag=True, help="Raw sockets only.")
@click.option("-4", "--ipv4", is_flag=True, help="IPv4 only.")
@click.option("-6", "--ipv6", is_flag=True, help="IPv6 only.")
@click.option("-p", "--programs", is_flag=True, help="Show which process holds a socket.")
@click.option("-x", "--extend", is_flag=True, help="Show users and inodes.")
@click.option("-o", "--timers", is_flag=True, help="Show timers and retransmissions.")
@click.option("-k", "--pods", is_flag=True, help="Sockets of Kubernetes pods too.")
@click.option("-v", "--verbose", is_flag=True, help="All of --programs, --extend and --timers.")
@click.option(
    "--output",
    type=click.Choice(("table", "yaml", "json", "jsonl")),
    default="table",
    show_default=True,
    help="How to print the result.",
)
def command(*, output: str, extend: bool, timers: bool, verbose: bool, **choice: bool) -> None:
    """List the connections of nodes, or their listening sockets."""
    choice["programs"] |= verbose
    columns = [*_COLUMNS]
    columns += ["user", "inode"] if extend or verbose else []
    columns += ["pid", "program"] if choice["programs"] else []
    columns += ["namespace"] if choice["pods"] else []
    columns += ["timer", "retransmits"] if timers or verbose else []

    async def read(client: NodeClient) -> list[Connection]:
        return await client.connections(_query(choice))

    show_rows(choose_access(), read, columns=columns, output=output, shown=_shown)


def _query(choice: dict[str, bool]) -> SocketQuery:
    from edge.client.report import SocketFilter, SocketQuery

    wanted = SocketFilter.LISTENING if choice["listening"] else SocketFilter.CONNECTED
    return SocketQuery(
        filter=SocketFilter.ALL if choice["all_"] else wanted,
        protocols=_protocols(choice),
        programs=choice["programs"],
        pods=choice["pods"],
    )


def _protocols(choice: dict[str, bool]) -> tuple[str, ...]:
    """Return the protocols; those of both address families when none is named."""
    named = [each for each in ("tcp", "udp", "udplite", "raw") if choice[each]]
    both = choice["ipv4"] == choice["ipv6"]
    endings = ("", "6") if both else ("6",) if choice["ipv6"] else ("",)
    return tuple(f"{each}{ending}" for each in named or ("tcp", "udp") for ending in endings)


def _shown(row: Any) -> dict[str, Any]:
    return {"pid": row["pid"] or "-", "program": row["program"] or "-"}
