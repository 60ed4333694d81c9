# SPDX-License-Identifier: Apache-2.0
"""`edgectl schematic`: whole images as documents, ours and upstream's."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import output_option

if TYPE_CHECKING:
    from flasher.schematic.load import Loaded


def _reading(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what both commands need to read a file."""
    function = click.option(
        "--ignore-unknown",
        is_flag=True,
        help="Leave out what images here do not have, instead of refusing the file.",
    )(function)
    function = click.option(
        "--board", default="", help="The board, for a file of upstream's that names none."
    )(function)
    path = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
    return click.argument("file", type=path)(function)


@click.group(name="schematic")
def command() -> None:
    """Check schematics, which describe whole images."""


@command.command()
@_reading
@output_option("yaml", "json")
def show(file: Path, board: str, ignore_unknown: bool, output: str) -> None:
    """Show the canonical form of a schematic and its ids.

    Files that it names appear as their SHA-256. A file of upstream's is shown
    as what is built of it here.
    """
    import json

    from edge.cli.output import as_yaml
    from flasher.schematic.canonical import canonical_form, schematic_id

    loaded = _load(file, board, ignore_unknown)
    document: dict[str, Any] = {"id": schematic_id(loaded.schematic)}
    if loaded.upstream_id:
        document["upstream_id"] = loaded.upstream_id
    document["schematic"] = canonical_form(loaded.schematic)
    text = json.dumps(document, indent=2) + "\n" if output == "json" else as_yaml(document)
    click.echo(text, nl=False)


@command.command(name="id")
@_reading
@click.option("--upstream", is_flag=True, help="Print the id that upstream gives its own file.")
def show_id(file: Path, board: str, ignore_unknown: bool, upstream: bool) -> None:
    """Print the id of a schematic: the SHA-256 of its canonical form."""
    from edge.errors import ConfigError
    from flasher.schematic.canonical import schematic_id
    from flasher.schematic.load import read_upstream_id

    if upstream:
        found = read_upstream_id(file)
        if not found:
            raise ConfigError(f"upstream's id of {file} is not known for certain")
        click.echo(found)
        return
    click.echo(schematic_id(_load(file, board, ignore_unknown).schematic))


def _load(file: Path, board: str, ignore_unknown: bool) -> "Loaded":
    from boards.catalog import load_profile
    from edge.text import name_given
    from flasher.schematic.check import check_schematic
    from flasher.schematic.load import load_either

    if board:
        load_profile(board)
    loaded = load_either(file, board=board, ignore_unknown=ignore_unknown)
    check_schematic(loaded.schematic, source=name_given(file))
    return loaded
