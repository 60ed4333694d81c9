# SPDX-License-Identifier: Apache-2.0
"""`edgectl boards`: the board profiles, and which one this machine is."""

from pathlib import Path

import click

from edge.cli.output import emit, output_option

_COLUMNS = ("name", "tier", "arch", "table", "console", "title")


@click.group(name="boards")
def command() -> None:
    """List, show and detect board profiles."""


@command.command(name="list")
@output_option()
def list_boards(output: str) -> None:
    """List every board that images can be built for."""
    from boards.catalog import all_profiles

    rows = [
        {
            "name": each.name,
            "tier": each.tier,
            "arch": each.arch,
            "table": each.partition_table.kind,
            "console": f"{each.console.device},{each.console.baud}",
            "title": each.title,
        }
        for each in all_profiles()
    ]
    emit(rows, columns=_COLUMNS, output=output)


@command.command()
@click.argument("name")
@output_option("yaml", "json")
def show(name: str, output: str) -> None:
    """Show everything known about board NAME."""
    import json

    from boards.catalog import load_profile
    from edge.cli.output import as_yaml

    document = load_profile(name).model_dump(mode="json", exclude_none=True)
    text = json.dumps(document, indent=2) + "\n" if output == "json" else as_yaml(document)
    click.echo(text, nl=False)


@command.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    help="Look below this directory for /proc and /sys, such as a copy from another machine.",
)
@output_option()
def detect(root: Path, output: str) -> None:
    """Tell which board this machine is, by its device tree or its DMI strings."""
    from boards.catalog import board_names
    from boards.detect import detect as detect_board
    from edge.errors import BoardError

    found = detect_board(root)
    if found.profile is None:
        raise BoardError(
            f"no profile fits this machine ({found.evidence})",
            hint=f"known boards: {', '.join(board_names())}",
        )
    row = {"name": found.profile.name, "model": found.model, "evidence": found.evidence}
    emit([row], columns=("name", "model", "evidence"), output=output)
