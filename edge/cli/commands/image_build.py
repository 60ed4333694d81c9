# SPDX-License-Identifier: Apache-2.0
"""`edgectl image build`: bootable images of boards."""

from pathlib import Path

import click

from edge.cli.output import emit
from edge.events import Event, Noted, StepFinished


@click.command()
@click.option("--board", required=True, help="The board to build for; see `edgectl boards list`.")
@click.option(
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the image.  [default: BOARD.img]",
)
@click.option(
    "--overlay",
    "overlays",
    multiple=True,
    metavar="NAME",
    help="Merge this device-tree overlay too; see `edgectl boards show`. Repeatable.",
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
def build(
    board: str, file: Path | None, overlays: tuple[str, ...], refresh: bool, output: str
) -> None:
    """Build the bootable image of a board.

    Its description goes beside it as IMAGE.json.
    """
    from dataclasses import asdict

    from boards.catalog import load_profile
    from edge.units import format_size
    from flasher.image.build import build_image
    from flasher.image.wishes import Wishes

    profile = load_profile(board)
    target = file or Path(f"{board}.img")
    report = build_image(
        profile, target, wishes=Wishes(overlays=overlays), listener=_narrate, refresh=refresh
    )
    verdict = "within" if report.within_goal else "over"
    _say(
        f"boot assets of one slot: {format_size(report.slot_bytes)},"
        f" {verdict} the goal of {format_size(report.slot_goal_bytes)}"
    )
    row = {**asdict(report), "image": str(target)}
    if output == "table":
        row["size"] = format_size(report.size_bytes)
    emit([row], columns=("image", "board", "version", "size", "sha256"), output=output)
    _say(f"next: edgectl flash --image {target} --to DEVICE")


def _narrate(event: Event) -> None:
    match event:
        case StepFinished(step=name, seconds=seconds, detail=detail):
            _say(f"{seconds:6.1f} s  {name}" + (f": {detail}" if detail else ""))
        case Noted(text=text):
            _say(f"          {text}")


def _say(text: str) -> None:
    click.echo(text, err=True)
