# SPDX-License-Identifier: Apache-2.0
"""`edgectl machineconfig`: generate and patch machine configurations in files."""

from pathlib import Path

import click

from edge.cli.commands.gen import config as gen_config


@click.group()
def command() -> None:
    """Generate and patch machine configurations in files; no node is asked."""


command.add_command(gen_config, "gen")


@command.command()
@click.argument("file")
@click.option(
    "-p",
    "--patch",
    "patches",
    multiple=True,
    required=True,
    metavar="PATCH",
    help="Patch to apply: @FILE or text. Repeatable, applied in order.",
)
@click.option("-o", "--output", default="-", help="File to write, or - for stdout.  [default: -]")
def patch(*, file: str, patches: tuple[str, ...], output: str) -> None:
    """Patch the machine configuration FILE (- is stdin) and write the result."""
    from edge.config.file import write_file
    from edge.config.patch import patch_config, read_patch
    from edge.config.schema import with_modeline
    from edge.text import name_given, read_given

    source = name_given(Path(file))
    text = read_given(Path(file))
    patched = patch_config(text, [read_patch(each) for each in patches], source=source)
    patched = with_modeline(patched)
    if output == "-":
        click.echo(patched, nl=False)
    else:
        write_file(Path(output), patched)
        click.echo(f"wrote {output}", err=True)


@command.command()
@click.option("--path", "only_path", is_flag=True, help="Print where its file is instead.")
def schema(*, only_path: bool) -> None:
    """Print the JSON schema of machine configurations, for editors and other tools."""
    from edge.config.schema import SCHEMA

    click.echo(str(SCHEMA) if only_path else SCHEMA.read_text(encoding="utf-8"), nl=only_path)
