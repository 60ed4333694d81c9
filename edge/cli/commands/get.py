# SPDX-License-Identifier: Apache-2.0
"""`edgectl get`: a node's resources, once or as they change."""

from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
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
@click.argument("resource_id", metavar="[ID]", required=False)
@click.option(
    "-o",
    "--output",
    metavar="FORMAT",
    default="table",
    show_default=True,
    help="table, yaml, json or jsonpath=PATH.",
)
@click.option("--namespace", help="Namespace to look in, instead of the type's own.")
@click.option("-w", "--watch", is_flag=True, help="Print changes too, until ctrl-C.")
@insecure_options
def command(
    *,
    word: str,
    resource_id: str | None,
    output: str,
    namespace: str | None,
    watch: bool,
    insecure: bool,
    pins: tuple[str, ...],
) -> None:
    """Show or watch resources of TYPE, or the one called ID.

    TYPE is a name or short name such as disks, links, addresses, hostname or mc. Without
    TYPE every kind is listed.
    """
    printer = new_printer(output, watch=watch)
    access = choose_access(insecure=insecure, pins=pins)
    if watch:
        action = _watching(printer, word, namespace, resource_id)
        on_clients(access, action, deadline_s=None).finish()
        return
    results = on_clients(access, _reading(word, namespace, resource_id))
    for node, (kind, documents) in results.found:
        for document in documents:
            printer.show(node, kind, document)
    printer.flush()
    results.finish()


def _reading(
    word: str, namespace: str | None, resource_id: str | None
) -> "Callable[[NodeClient], Awaitable[Found]]":
    async def read(client: "NodeClient") -> "Found":
        kind = await client.find_kind(word)
        place = namespace or kind.namespace
        if resource_id is None:
            return kind, await client.resources(kind.type, place)
        return kind, [await client.resource(kind.type, place, resource_id)]

    return read


def _watching(
    printer: Printer, word: str, namespace: str | None, resource_id: str | None
) -> "Callable[[NodeClient], Awaitable[None]]":
    async def follow(client: "NodeClient") -> None:
        kind = await client.find_kind(word)
        is_complete = resource_id is not None
        async for change in client.watch(kind.type, namespace or kind.namespace, resource_id):
            if change.event == "bootstrapped":
                is_complete = True
            else:
                printer.show(client.node, kind, change.document, change.event)
            if is_complete:
                printer.flush()
        raise NodeError(f"{client.node} ended the watch")

    return follow
