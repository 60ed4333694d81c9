# SPDX-License-Identifier: Apache-2.0
"""`edgectl lab`: virtual boards on this machine, each with its own disk and address."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import emit, output_option
from edge.events import Event, StepFinished
from edge.units import format_duration

if TYPE_CHECKING:
    from edge.provision.lab import LabNode

_COLUMNS = ("name", "state", "address", "card")


@click.group()
def command() -> None:
    """Run virtual nodes on this machine.

    A lab node is the node software as an ordinary process: its disk is a file that the flasher
    wrote, its address one of 127.42.0.0/16.
    """


@command.command()
@click.argument("count", type=click.IntRange(1, 500), default=1)
@click.option(
    "--no-enrolment",
    is_flag=True,
    help="Let anybody configure the new nodes first, as other clients of the API need.",
)
@output_option()
def up(count: int, no_enrolment: bool, output: str) -> None:
    """Have COUNT nodes running, making new ones as needed."""
    from edge.provision.lab import Lab

    nodes = Lab().up(count, enrolment=not no_enrolment, listener=_narrate)
    _print(nodes, output)
    click.echo(f"next: edgectl lab exec {nodes[0].name} -- get disks", err=True)
    click.echo("  or: edgectl lab configure", err=True)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
def down(names: tuple[str, ...]) -> None:
    """Stop and delete the named nodes, or all of them, with their disks."""
    from edge.provision.lab import Lab
    from edge.provision.lab_cluster import forget_cluster

    lab = Lab()
    for name in lab.down(names):
        click.echo(f"{name}: deleted", err=True)
    forget_cluster(lab)


@command.command("list")
@output_option()
def list_nodes(output: str) -> None:
    """List the nodes, running or not."""
    from edge.provision.lab import Lab

    _print(Lab().nodes(), output)


@command.command()
@click.argument("name")
def start(name: str) -> None:
    """Switch a node on."""
    from edge.provision.lab import Lab

    Lab().start(name, listener=_narrate)


@command.command()
@click.argument("name")
def stop(name: str) -> None:
    """Power a node off in good order."""
    from edge.provision.lab import Lab

    Lab().stop(name)
    click.echo(f"{name}: off", err=True)


@command.command()
@click.argument("name")
def cut(name: str) -> None:
    """Cut a node's power, as if its plug were pulled."""
    from edge.provision.lab import Lab

    Lab().cut_power(name)
    click.echo(f"{name}: power cut", err=True)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
def configure(names: tuple[str, ...]) -> None:
    """Configure the named nodes, or all, as one cluster.

    The first node becomes the control plane, the others workers. Nodes that are configured
    already stay as they are.
    """
    from edge.provision.lab import Lab
    from edge.provision.lab_cluster import client_file, configure_nodes
    from flasher.record import card_records

    lab = Lab()
    nodes = [lab.node(name) for name in names] or lab.nodes()
    done = asyncio.run(configure_nodes(lab, nodes, card_records(), listener=_narrate))
    if not done:
        click.echo("no node is in maintenance mode; edgectl lab list shows them", err=True)
        return
    click.echo(f"next: edgectl services --talosconfig {client_file(lab)}", err=True)


@command.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def execute(name: str, words: tuple[str, ...]) -> None:
    """Run an edgectl command line against node NAME.

    For example: edgectl lab exec lab-1 -- get disks
    """
    from edge.cli.main import run
    from edge.errors import NodeError
    from edge.provision.lab import Lab
    from edge.provision.lab_cluster import client_file, state_of

    if not words:
        raise click.UsageError(f"what to run? for example: edgectl lab exec {name} -- get disks")
    lab = Lab()
    node = lab.node(name)
    if (state := state_of(node)) == "off":
        raise NodeError(f"lab node {name} is off", hint=f"edgectl lab start {name}")
    first, *rest = words
    access = ["--insecure"] if state == "maintenance" and _takes_insecure(first) else []
    config = client_file(lab)
    context = ["--talosconfig", str(config)] if config.exists() else []
    raise click.exceptions.Exit(run(["-n", node.address, *context, first, *access, *rest]))


def _narrate(event: Event) -> None:
    """Say what is done in a line; the flashing of a file is over in no time."""
    if isinstance(event, StepFinished) and event.step not in ("read image", "flash"):
        click.echo(f"{event.step}: {event.detail} in {format_duration(event.seconds)}", err=True)


def _takes_insecure(name: str) -> bool:
    from edge.cli.main import cli

    found = cli.get_command(click.Context(cli), name)
    return found is not None and any(param.name == "insecure" for param in found.params)


def _print(nodes: "list[LabNode]", output: str) -> None:
    emit([_row(node) for node in nodes], columns=_COLUMNS, output=output)


def _row(node: "LabNode") -> dict[str, Any]:
    from edge.provision.lab_cluster import state_of

    return {
        "name": node.name,
        "state": state_of(node),
        "address": node.address,
        "card": node.enrolment_id,
        "fingerprint": node.fingerprint,
        "folder": str(node.folder),
        "pid": node.pid,
    }
