# SPDX-License-Identifier: Apache-2.0
"""`edgectl validate`: check a machine configuration without sending it anywhere."""

from pathlib import Path

import click

MODES = ("metal", "cloud", "container")


@click.command()
@click.argument("argument", metavar="[FILE]", required=False)
@click.option("-c", "--config", "option", metavar="FILE", help="The configuration; - is stdin.")
@click.option(
    "-m",
    "--mode",
    type=click.Choice(MODES),
    help="The sort of machine: one of metal needs to know its disk.",
)
@click.option("--strict", is_flag=True, help="Warnings are faults.")
def command(*, argument: str | None, option: str | None, mode: str | None, strict: bool) -> None:
    """Check the machine configuration FILE; every fault is listed."""
    from edge.config.validate import load_valid
    from edge.text import name_given, read_given

    if bool(argument) == bool(option):
        raise click.UsageError("name one configuration: edgectl validate FILE")
    file = argument or option or ""
    source = name_given(Path(file))
    text = read_given(Path(file))
    _, warnings = load_valid(text, source=source, strict=strict, installs=mode == "metal")
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    suffix = f" for {mode} mode" if mode else ""
    click.echo(f"{source} is valid{suffix}", err=True)
