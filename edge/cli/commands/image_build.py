# SPDX-License-Identifier: Apache-2.0
"""`edgectl image build`: bootable images of boards."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.output import emit
from edge.events import Event, Noted, StepFinished

if TYPE_CHECKING:
    from flasher.image.report import BuildReport

_TEXT = click.Path(path_type=Path, dir_okay=False, exists=True)


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
    metavar="NAME[,PARAMETER=VALUE]",
    help="Merge this device-tree overlay too, one of `edgectl overlays list` or a .dts or .dtbo"
    " file. Repeatable.",
)
@click.option(
    "--extension",
    "extensions",
    multiple=True,
    metavar="NAME|FOLDER",
    help="Put in this system extension, one of `edgectl extensions list` or a folder of your own."
    " Repeatable.",
)
@click.option(
    "--piece",
    "pieces",
    multiple=True,
    metavar="NAME=PATH",
    help="Something that Debian does not have; `edgectl boards show` tells which. Repeatable.",
)
@click.option(
    "--kernel-arg",
    "arguments",
    multiple=True,
    metavar="ARGUMENT",
    help="Start the kernel with this argument too. Repeatable.",
)
@click.option("--config-txt", type=_TEXT, help="Your own lines for the Raspberry Pi firmware.")
@click.option("--grub-cfg", type=_TEXT, help="Your own commands for GRUB.")
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
    *,
    board: str,
    file: Path | None,
    overlays: tuple[str, ...],
    extensions: tuple[str, ...],
    pieces: tuple[str, ...],
    arguments: tuple[str, ...],
    config_txt: Path | None,
    grub_cfg: Path | None,
    refresh: bool,
    output: str,
) -> None:
    """Build the bootable image of a board.

    Its description goes beside it as IMAGE.json.
    """
    from boards.catalog import load_profile
    from flasher.extension.catalog import load_extension
    from flasher.image.build import build_image
    from flasher.image.wishes import Wishes
    from overlays.choice import parse_choice

    wishes = Wishes(
        overlays=tuple(map(parse_choice, overlays)),
        extensions=tuple(map(load_extension, extensions)),
        pieces=dict(map(_piece, pieces)),
        arguments=arguments,
        config_txt=config_txt.read_text() if config_txt else "",
        grub_cfg=grub_cfg.read_text() if grub_cfg else "",
    )
    target = file or Path(f"{board}.img")
    report = build_image(
        load_profile(board), target, wishes=wishes, listener=_narrate, refresh=refresh
    )
    _show(report, target, output)


def _piece(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise click.BadParameter(f"{text!r} is not NAME=PATH", param_hint="--piece")
    return name, Path(path)


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
