# SPDX-License-Identifier: Apache-2.0
"""`edgectl inspect`: how a node works inside."""

from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.errors import TrustError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from edge.client.client import NodeClient
    from edge.client.model import Dependency, Document

    Resources = Mapping[str, Sequence[Document]]

_NOTE = 'shape="note",fillcolor="azure2",style="filled"'
_STYLES = {
    "output_exclusive": "bold",
    "output_shared": "solid",
    "input_strong": "solid",
    "input_weak": "dotted",
}


@click.group()
def command() -> None:
    """Look at how a node works inside."""


@command.command(cls=NodeCommand)
@click.option("--with-resources", is_flag=True, help="Show the resources, not only their kinds.")
def dependencies(*, with_resources: bool) -> None:
    """Print the graph of controllers and the resources they read and write.

    The text is for graphviz: edgectl inspect dependencies | dot -Tsvg > graph.svg
    """
    access = choose_access()
    if len(access.nodes) > 1:
        raise click.UsageError("inspect dependencies is for one node: add -n ADDRESS")

    async def read(client: "NodeClient") -> "tuple[list[Dependency], Resources]":
        edges = await client.dependencies()
        return edges, await _resources(client, edges) if with_resources else {}

    for _, (edges, resources) in on_clients(access, read).found:
        lines = _instances(edges, resources) if with_resources else _kinds(edges)
        click.echo("\n".join(["digraph {", *(f"  {line}" for line in lines), "}"]))


async def _resources(client: "NodeClient", edges: "Sequence[Dependency]") -> "Resources":
    places = {kind.type: kind.namespace for kind in await client.definitions()}
    found = {}
    for type_ in sorted({edge.type for edge in edges} & places.keys()):
        try:
            found[type_] = await client.resources(type_, places[type_])
        except TrustError:
            # Of a kind that is for administrators the others see the edge alone.
            found[type_] = []
    return found


def _kinds(edges: "Sequence[Dependency]") -> "Iterable[str]":
    yield from _boxes(edges)
    for type_ in sorted({edge.type for edge in edges}):
        yield f'"{type_}" [{_NOTE}];'
    for edge in edges:
        yield from _arrow(edge, edge.type)


def _instances(edges: "Sequence[Dependency]", resources: "Resources") -> "Iterable[str]":
    yield from _boxes(edges)
    for number, (type_, documents) in enumerate(resources.items()):
        yield f"subgraph cluster_{number} {{"
        yield f'  label="{type_}";'
        for document in documents:
            yield f'  "{_name(document)}" [{_NOTE}];'
        yield "}"
    for edge in edges:
        for document in resources.get(edge.type, ()):
            is_other = edge.is_output and document.metadata["owner"] != edge.controller
            if not is_other and edge.id in ("", document.id):
                yield from _arrow(edge, _name(document))


def _boxes(edges: "Sequence[Dependency]") -> "Iterable[str]":
    for name in sorted({edge.controller for edge in edges}):
        yield f'"{name}" [shape="box"];'


def _arrow(edge: "Dependency", resource: str) -> "Iterable[str]":
    style = _STYLES.get(edge.edge)
    if style is None:
        return
    ends = (edge.controller, resource) if edge.is_output else (resource, edge.controller)
    yield f'"{ends[0]}" -> "{ends[1]}" [style="{style}"];'


def _name(document: "Document") -> str:
    metadata = document.metadata
    return f"{metadata['namespace']}/{metadata['type']}/{metadata['id']}"
