# SPDX-License-Identifier: Apache-2.0
"""`edgectl support`: a bundle with all that nodes tell about themselves."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import click

from edge.cli.exit import ExitCode
from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand, insecure_options
from edge.units import format_size


@click.command(cls=NodeCommand)
@click.option(
    "-O",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("support.zip"),
    show_default=True,
    help="Where to write the bundle.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite a file that exists.")
@click.option(
    "-w",
    "--num-workers",
    "workers",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    metavar="NUMBER",
    help="Collect from so many nodes at a time.",
)
@click.option(
    "--no-encryption", is_flag=True, expose_value=False, help="Taken: bundles are not encrypted."
)
@click.option(
    "--encryption-recipients",
    "recipients",
    multiple=True,
    metavar="KEY",
    help="Taken and refused: bundles are not encrypted.",
)
@click.option(
    "--encryption-no-default-recipients",
    is_flag=True,
    expose_value=False,
    help="Taken: nobody but you gets a bundle.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell everything that is missing.")
@insecure_options
def command(
    *,
    file: Path,
    force: bool,
    workers: int,
    recipients: tuple[str, ...],
    verbose: bool,
    insecure: bool,
    pins: tuple[str, ...],
) -> None:
    """Collect logs, state and resources of nodes into a zip file, secrets masked.

    Nodes that do not answer, and what others do not tell, are noted in it.
    """
    from edge.provision.bundle import make_bundle

    if recipients:
        raise click.UsageError("bundles are not encrypted: leave out --encryption-recipients")
    access = choose_access(insecure=insecure, pins=pins)
    report = asyncio.run(
        make_bundle(
            {access.label(node): partial(access.open, node) for node in access.nodes},
            file,
            overwrite=force,
            workers=workers,
            tell=lambda text: click.echo(text, err=True),
        )
    )
    if verbose:
        for fault in report.faults:
            click.echo(f"missing: {fault}", err=True)
    click.echo(f"{report.path}: {format_size(report.size_bytes)}", err=True)
    if report.nodes and len(report.dead) == len(report.nodes):
        raise click.exceptions.Exit(ExitCode.NODE)
