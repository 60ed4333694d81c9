# SPDX-License-Identifier: Apache-2.0
"""`edgectl flash`: write an image to a card, read it back, and record the card."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.commands.devices import describe_content
from edge.cli.output import emit, output_option
from edge.cli.progress import narrate
from edge.units import format_duration, format_size, parse_size

if TYPE_CHECKING:
    from edge.events import Listener
    from flasher.write import FlashOptions, FlashPlan, FlashReport

_PLAN_COLUMNS = ("target", "name", "size", "content", "image", "image_size", "oddities")
_REPORT_COLUMNS = ("target", "written", "seconds", "speed", "card", "enrolment", "fingerprint")


def _parse_size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option("--board", help="Build this board's image, or take it from the cache.")
@click.option(
    "--image",
    "image_path",
    type=click.Path(path_type=Path, readable=False),
    help="Write this image: raw, or compressed as .gz, .xz or .zst.",
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, readable=False),
    required=True,
    help="The disk to write, or an image file to make.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would be done and do nothing.")
@click.option(
    "--size",
    "size_bytes",
    metavar="SIZE",
    callback=_parse_size,
    help="How large an image file shall be, such as 8GiB.",
)
@click.option("--allow-fixed", is_flag=True, help="Permit a disk that is not removable.")
@click.option("--allow-large", is_flag=True, help="Permit a disk larger than cards are.")
@click.option(
    "--no-enrolment",
    is_flag=True,
    help=(
        "Have the node take its first configuration from anybody who can reach it, as other"
        " clients of the API need. Its key is still recorded, so that edgectl recognises the"
        " node; but who configures it first owns it."
    ),
)
@output_option("table", "json", "jsonl")
def command(  # noqa: PLR0917 - click passes them by name
    board: str | None,
    image_path: Path | None,
    target: Path,
    yes: bool,
    dry_run: bool,
    size_bytes: int | None,
    allow_fixed: bool,
    allow_large: bool,
    no_enrolment: bool,
    output: str,
) -> None:
    """Write an image to a card and read it back.

    Everything on the card is lost. Nothing is written to a disk that is mounted, holds this
    system, or is part of an array; `edgectl devices` says what may be written. The card is
    recorded (`edgectl cards`), so that its node is recognised on the network.
    """
    if (board is None) == (image_path is None):
        raise click.UsageError("give either --board or --image")
    if size_bytes is not None and target.resolve().is_block_device():
        raise click.UsageError("--size is for image files; a disk has its own size")
    options = replace(
        _options(board, size_bytes, allow_fixed=allow_fixed, allow_large=allow_large),
        enrolment=not no_enrolment,
    )
    with narrate(as_lines=output == "jsonl") as listener:
        plan = _plan(board, image_path, target, options, listener)
    if dry_run:
        _print(_plan_row(plan), _PLAN_COLUMNS, output)
        return
    if not yes:
        _confirm(plan)
    with narrate(as_lines=output == "jsonl") as listener:
        report = _flash(plan, listener)
    _print(_report_row(report), _REPORT_COLUMNS, output)
    _say_what_next(report)


def _options(
    board: str | None, size_bytes: int | None, *, allow_fixed: bool, allow_large: bool
) -> "FlashOptions":
    from flasher.write import FlashOptions

    options = FlashOptions(size_bytes=size_bytes, allow_fixed=allow_fixed, allow_large=allow_large)
    if board is None:
        return options
    from boards.catalog import load_profile

    media = load_profile(board).media
    return replace(
        options,
        smallest_bytes=media.smallest_bytes,
        largest_bytes=media.largest_expected_bytes,
    )


def _plan(
    board: str | None,
    image_path: Path | None,
    target: Path,
    options: "FlashOptions",
    listener: "Listener",
) -> "FlashPlan":
    from flasher.device import inspect
    from flasher.write import check_device, prepare

    check_device(inspect(target), options)  # before minutes are spent on building an image
    if image_path is not None:
        return prepare(image_path, target, options, listener=listener)
    from boards.catalog import load_profile
    from flasher.stock import stock_image

    built = stock_image(load_profile(board or ""), listener=listener)
    return prepare(built, target, options, listener=listener)


def _flash(plan: "FlashPlan", listener: "Listener") -> "FlashReport":
    from flasher.record import card_records
    from flasher.write import flash

    return flash(plan, records=card_records(), listener=listener)


def _confirm(plan: "FlashPlan") -> None:
    """Show what would be lost and ask for it; a new file loses nothing."""
    device = plan.device
    if device.is_new:
        return
    click.echo(f"\n  {device.path}   {device.name}", err=True)
    for name, value in (("serial", device.serial), ("on it now", describe_content(device))):
        click.echo(f"  {name + ':':<11}{value or 'none'}", err=True)
    image = plan.request.image
    click.echo(f"  {'image:':<11}{image.path}, {format_size(image.size_bytes)}", err=True)
    for oddity in plan.oddities:
        click.echo(f"  careful:   {oddity}", err=True)
    word = device.path.name if plan.oddities else "yes"
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: add --yes")
    answer = click.prompt(
        f"\nEverything on {device.path} will be lost. Type {word!r} to go on",
        default="",
        show_default=False,
        err=True,
    )
    if answer.strip() != word:
        click.echo("nothing was written", err=True)
        raise click.Abort


def _print(row: dict[str, Any], columns: tuple[str, ...], output: str) -> None:
    if output == "jsonl":
        click.echo(json.dumps(row))
    else:
        emit([row], columns=columns, output=output)


def _plan_row(plan: "FlashPlan") -> dict[str, Any]:
    device, image = plan.device, plan.request.image
    return {
        "target": str(device.path),
        "name": device.name,
        "serial": device.serial,
        "size": format_size(plan.size_bytes),
        "size_bytes": plan.size_bytes,
        "content": "a new file" if device.is_new else describe_content(device),
        "image": str(image.path),
        "image_size": format_size(image.size_bytes),
        "image_bytes": image.size_bytes,
        "image_sha256": image.sha256,
        "board": plan.request.board,
        "oddities": list(plan.oddities),
    }


def _report_row(report: "FlashReport") -> dict[str, Any]:
    return {
        "target": str(report.target),
        "written": format_size(report.written_bytes),
        "written_bytes": report.written_bytes,
        "verified_bytes": report.verified_bytes,
        "rewritten_ranges": report.rewritten_ranges,
        "seconds": round(report.seconds, 1),
        "speed": f"{format_size(int(report.bytes_per_second))}/s",
        "image_sha256": report.image_sha256,
        "card": report.record_id,
        "enrolment": report.enrolment_id,
        "fingerprint": report.fingerprint,
    }


def _say_what_next(report: "FlashReport") -> None:
    took = format_duration(report.seconds)
    click.echo(f"{report.target} is written and read back ({took}).", err=True)
    if report.rewritten_ranges:
        click.echo(f"{report.rewritten_ranges} ranges took a second try: an ageing card", err=True)
    if report.fingerprint and not report.enrolment_id:
        click.echo("anybody who can reach its node may configure it first", err=True)
    if report.target.is_block_device():
        click.echo("next: put the card into the board, then: edgectl discover --watch", err=True)
