# SPDX-License-Identifier: Apache-2.0
"""`edgectl image build`: bootable images of boards."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.commands.image_options import read_schematic, schematic_options
from edge.cli.output import emit
from edge.events import Event, Noted, StepFinished

if TYPE_CHECKING:
    from flasher.image.report import BuildReport


@click.command()
@schematic_options
@click.option(
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the image.  [default: BOARD.img]",
)
@click.option("--refresh", is_flag=True, help="Ask the archive for newer packages now.")
@click.option(
    "-o",
    "--format",
    "output",
    type=click.Choice(("table", "json", "yaml")),
    default="table",
    show_default=True,
    help="How to print the result.",
)
def build(*, file: Path | None, refresh: bool, output: str, **words: Any) -> None:
    """Build the bootable image of a board, and check it.

    Its description goes beside it as IMAGE.json. The image appears when it is whole and nothing
    that `edgectl image verify` looks at is wrong with it.
    """
    from flasher.schematic.build import build_schematic

    schematic = read_schematic(words)
    target = file or Path(f"{schematic.board}.img")
    report = build_schematic(schematic, target, listener=_narrate, refresh=refresh)
    _show(report, target, output)


def _show(report: "BuildReport", target: Path, output: str) -> None:
    from dataclasses import asdict

    from edge.units import format_size

    verdict = "within" if report.within_goal else "over"
    _say(
        f"boot assets of one slot: {format_size(report.slot_bytes)},"
        f" {verdict} the goal of {format_size(report.slot_goal_bytes)}"
    )
    row = {**asdict(report), "image": str(target)}
    if output == "table":
        row["size"] = format_size(report.size_bytes)
    emit([row], columns=("image", "board", "version", "size", "schematic", "sha256"), output=output)
    _say(f"next: edgectl flash --image {target} --to DEVICE")


def _narrate(event: Event) -> None:
    match event:
        case StepFinished(step=name, seconds=seconds, detail=detail):
            _say(f"{seconds:6.1f} s  {name}" + (f": {detail}" if detail else ""))
        case Noted(text=text):
            _say(f"          {text}")


def _say(text: str) -> None:
    click.echo(text, err=True)
