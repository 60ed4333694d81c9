# SPDX-License-Identifier: Apache-2.0
"""`edgectl inventory`: names, roles and labels of nodes, for `-n`."""

from typing import TYPE_CHECKING, Any

import click

from edge.cli.known import inventory_path, known_nodes, remember
from edge.cli.nodes import config_path, load_config
from edge.cli.options import NodeCommand, given_targets
from edge.cli.output import emit, output_option
from edge.errors import ConfigError, NodeError

if TYPE_CHECKING:
    from edge.config.inventory import InventoryNode
    from edge.config.talosconfig import Context

_COLUMNS = ("name", "address", "role", "cluster", "labels")


@click.group()
def command() -> None:
    """Keep names, roles and labels of nodes.

    They are what -n takes besides addresses: a NAME, the groups all, controlplane and workers,
    and LABEL=VALUE. The file is inventory.yaml in the configuration folder; it may be edited.
    """


@command.command("list", cls=NodeCommand)
@click.option("--all", "everything", is_flag=True, help="Also nodes of other clusters.")
@click.argument("groups", nargs=-1, metavar="[GROUP...]")
@output_option()
def list_nodes(*, everything: bool, groups: tuple[str, ...], output: str) -> None:
    """List the nodes of the chosen context, or those in any GROUP.

    The lab's nodes and those that the client configuration names are among them.
    """
    nodes = known_nodes(None if everything else _context())
    if groups:
        nodes = [node for node in nodes if any(node.is_in(group) for group in groups)]
    emit([_row(node) for node in nodes], columns=_COLUMNS, output=output)


@command.command()
@click.argument("name")
@click.argument("address")
@click.option("--role", type=click.Choice(("controlplane", "worker")), help="What it is.")
@click.option("--cluster", default="", metavar="CONTEXT", help="The only context to list it in.")
@click.option(
    "-l", "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label. Repeatable."
)
@click.option("--force", is_flag=True, help="Replace a node of that name.")
def add(
    *,
    name: str,
    address: str,
    role: str | None,
    cluster: str,
    labels: tuple[str, ...],
    force: bool,
) -> None:
    """Add node NAME, which answers at ADDRESS.

    For example: edgectl inventory add berlin-1 10.0.7.11 --role worker -l site=berlin
    """
    from edge.client.channel import split_endpoint
    from edge.config.inventory import InventoryNode, load_inventory, save_inventory

    split_endpoint(address)
    inventory = load_inventory(inventory_path())
    if name in inventory and not force:
        raise ConfigError(f"the inventory has a node {name!r}", hint="--force replaces it")
    inventory[name] = InventoryNode(
        name=name, address=address, role=role or "", cluster=cluster, labels=_labels(labels)
    )
    save_inventory(inventory, inventory_path())
    remember(inventory.values())
    click.echo(f"{name}: added to {inventory_path()}", err=True)


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove(names: tuple[str, ...]) -> None:
    """Remove nodes from the inventory; the nodes themselves stay as they are."""
    from edge.config.inventory import load_inventory, save_inventory

    inventory = load_inventory(inventory_path())
    if missing := [name for name in names if name not in inventory]:
        raise _unknown(missing[0])
    for name in dict.fromkeys(names):
        del inventory[name]
    save_inventory(inventory, inventory_path())
    remember(inventory.values())
    click.echo(f"removed: {', '.join(dict.fromkeys(names))}", err=True)


@command.command()
@click.argument("name")
@output_option("yaml", "json")
def show(*, name: str, output: str) -> None:
    """Show what is known of node NAME."""
    found = [node for node in known_nodes(None) if node.name == name]
    if not found:
        raise _unknown(name)
    emit([_row(node) for node in found], columns=_COLUMNS, output=output)


def _unknown(name: str) -> NodeError:
    return NodeError(f"there is no node {name!r}", hint="edgectl inventory list --all shows them")


def _context() -> "tuple[str, Context] | None":
    """Return the chosen context; without a client configuration no cluster is left out."""
    targets = given_targets()
    if not config_path(targets).exists():
        return None
    config = load_config(targets)
    return targets.context or config.current, config.context(targets.context)


def _labels(labels: tuple[str, ...]) -> dict[str, str]:
    pairs = [label.partition("=") for label in labels]
    for key, equals, value in pairs:
        if not (key and equals and value):
            raise click.BadParameter(f"{key!r} is not KEY=VALUE", param_hint="--label")
    return {key: value for key, _, value in pairs}


def _row(node: "InventoryNode") -> dict[str, Any]:
    return {
        "name": node.name,
        "address": node.address,
        "role": node.role,
        "cluster": node.cluster,
        "labels": [f"{key}={value}" for key, value in sorted(node.labels.items())],
    }
