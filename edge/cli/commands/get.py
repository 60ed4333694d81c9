# SPDX-License-Identifier: Apache-2.0
"""`edgectl get`: a node's resources, once or as they change."""

from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients, say_gap
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.resource import Printer, new_printer
from edge.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edge.client.client import NodeClient
    from edge.client.model import Definition, Document

    Found = tuple[Definition, list[Document]]

_KINDS = "resourcedefinitions"


@click.command(cls=NodeCommand)
@click.argument("word", metavar="[TYPE]", default=_KINDS)
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "-o",
    "--output",
    metavar="FORMAT",
    default="table",
    show_default=True,
    help="table, yaml, json, jsonl or jsonpath=PATH.",
)
@click.option("--namespace", help="Namespace to look in, instead of the type's own.")
@click.option("-w", "--watch", is_flag=True, help="Print changes too, until ctrl-C.")
@insecure_options
def command(
    *,
    word: str,
    ids: tuple[str, ...],
    output: str,
    namespace: str | None,
    watch: bool,
    insecure: bool,
    pins: tuple[str, ...],
) -> None:
    """Show or watch resources of TYPE, or those called ID.

    TYPE is a name or short name such as disks, links, addresses, hostname or mc. Without
    TYPE every kind is listed.
    """
    printer = new_printer(output, watch=watch)
    access = choose_access(insecure=insecure, pins=pins)
    if watch:
        action = _watching(printer, word, namespace, ids)
        on_clients(access, action, deadline_s=None).finish()
        return
    results = on_clients(access, _reading(word, namespace, ids))
    for node, (kind, documents) in results.found:
        for document in documents:
            printer.show(node, kind, document)
    printer.flush()
    results.finish()


def _reading(
    word: str, namespace: str | None, ids: tuple[str, ...]
) -> "Callable[[NodeClient], Awaitable[Found]]":
    async def read(client: "NodeClient") -> "Found":
        kind = await client.find_kind(word)
        place = namespace or kind.namespace
        if not ids:
            return kind, await client.resources(kind.type, place)
        return kind, [await client.resource(kind.type, place, each) for each in ids]

    return read


def _watching(
    printer: Printer, word: str, namespace: str | None, ids: tuple[str, ...]
) -> "Callable[[NodeClient], Awaitable[None]]":
    # One alone is watched alone, which tells when it is not there.
    only = ids[0] if len(ids) == 1 else None

    async def follow(client: "NodeClient") -> None:
        from edge.client.follow import follow_resources

        kind = await client.find_kind(word)
        place, is_complete = namespace or kind.namespace, only is not None
        async for change in follow_resources(client, kind.type, place, only, on_gap=say_gap):
            if change.event == "bootstrapped":
                is_complete = True
            elif change.event != "noop" and (not ids or change.document.id in ids):
                printer.show(client.node, kind, change.document, change.event)
            if is_complete:
                printer.flush()
        raise NodeError(f"{client.node} ended the watch")

    return follow
