# SPDX-License-Identifier: Apache-2.0
"""`edgectl overlays`: what can be merged into a board's device trees, and doing it by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import emit, output_option
from edge.errors import InputError

if TYPE_CHECKING:
    from flasher.devicetree.check import Finding
    from overlays.catalog import Overlay

_BOARD = click.option(
    "--board", metavar="BOARD", help="The board, as `edgectl boards list` has it."
)
_SOC = click.option("--soc", metavar="FAMILY", help="The family of device trees, such as bcm2711.")


@click.group(name="overlays")
def command() -> None:
    """List, show, check and apply device-tree overlays."""


@command.command(name="list")
@_BOARD
@_SOC
@output_option()
def list_overlays(*, board: str | None, soc: str | None, output: str) -> None:
    """List the overlays of a board, of a family, or of all families."""
    from overlays.catalog import families, load_overlays

    family = _family(board, soc)
    found = [each for name in ([family] if family else families()) for each in load_overlays(name)]
    if family and not found:
        click.echo(f"there are none for {family}; families: {', '.join(families())}", err=True)
    columns = ("name", "parameters", "summary")
    emit(map(_row, found), columns=columns if family else ("soc", *columns), output=output)


@command.command()
@click.argument("name")
@_BOARD
@_SOC
@output_option("yaml", "json")
def show(*, name: str, board: str | None, soc: str | None, output: str) -> None:
    """Show overlay NAME: its parameters, what it needs, what is known of it."""
    import json

    from edge.cli.output import as_yaml
    from overlays.catalog import families_with, load_overlay

    family = _family(board, soc)
    socs = [family] if family else families_with(name)
    if not socs:
        raise InputError(f"no overlay {name!r}", hint="edgectl overlays list shows all")
    shown = [_document(load_overlay(name, each)) for each in socs]
    document = shown[0] if len(shown) == 1 else shown
    text = json.dumps(document, indent=2) + "\n" if output == "json" else as_yaml(document)
    click.echo(text, nl=False)


@command.command()
@click.argument("overlays", metavar="OVERLAY…", nargs=-1, required=True)
@_BOARD
@click.option(
    "--tree",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A compiled device tree, in place of those of the board's kernel package.",
)
@click.option(
    "--bindings",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Documentation/devicetree/bindings of a kernel's source, for dtschema.",
)
@output_option()
def check(
    *,
    overlays: tuple[str, ...],
    board: str | None,
    tree: Path | None,
    bindings: Path | None,
    output: str,
) -> None:
    """Merge overlays into a board's device trees and say what comes of it.

    An OVERLAY is a name or a .dts or .dtbo file, then its parameters:
    i2c-rtc,chip=pcf8523. Without --tree the kernel's package is fetched.
    """
    import tempfile

    from flasher.devicetree.check import check_overlays

    if board is None and tree is None:
        raise click.UsageError("name a board with --board, or a device tree with --tree")
    trees = (tree,) if tree else _packaged(board or "")
    soc = _family(board, None) or _family_of(trees[0])
    with tempfile.TemporaryDirectory(prefix="edge-overlays-") as work:
        resolved = _resolved(overlays, soc)
        findings = check_overlays(trees, resolved, Path(work), bindings=bindings)
    emit(map(_finding, findings), columns=("tree", "result", "detail"), output=output)
    _tell(findings)


@command.command()
@click.argument("tree", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("overlays", metavar="OVERLAY…", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="Where to write the merged tree; not TREE itself.",
)
def apply(*, tree: Path, overlays: tuple[str, ...], target: Path) -> None:
    """Write device tree TREE with overlays merged in to another file.

    Nothing is written unless all of them fit. What was done goes to stdout, as
    an image's description has it.
    """
    import json
    import tempfile
    from dataclasses import asdict

    from flasher.devicetree.merge import merge
    from overlays.resolve import console_of

    if target.exists() and target.samefile(tree):
        raise click.UsageError(f"{target} is the tree itself; name another file")
    resolved = _resolved(overlays, _family_of(tree))
    with tempfile.TemporaryDirectory(prefix="edge-overlays-") as work:
        record = merge(tree, resolved, target, Path(work))
    click.echo(json.dumps(asdict(record), indent=2))
    for name in record.skipped:
        click.echo(f"{name} is left out: this board lacks the hardware", err=True)
    for warning in record.warnings:
        click.echo(f"warning: {warning}", err=True)
    if console := console_of(resolved):
        click.echo(f"the kernel needs console={console.device},{console.baud}", err=True)


def _family(board: str | None, soc: str | None) -> str:
    from boards.catalog import load_profile
    from overlays.catalog import families

    if board and soc:
        raise click.UsageError("name a board or a family, not both")
    if soc and soc not in families():
        raise InputError(f"no family {soc!r}", hint=f"families: {', '.join(families())}")
    return load_profile(board).soc if board else soc or ""


def _family_of(tree: Path) -> str:
    from flasher.devicetree.tree import load_tree
    from overlays.catalog import family_of

    return family_of(load_tree(tree).compatible)


def _packaged(board: str) -> tuple[Path, ...]:
    from boards.catalog import load_profile
    from edge.events import ignore
    from edge.paths import cache_dir
    from flasher.debian.fetch import Cache
    from flasher.devicetree.packaged import packaged_trees

    cache = Cache(folder=cache_dir() / "image")
    return packaged_trees(load_profile(board), cache, ignore)


def _resolved(overlays: Sequence[str], soc: str) -> Any:
    from overlays.choice import parse_choice
    from overlays.resolve import resolve_all

    return resolve_all([parse_choice(text) for text in overlays], soc)


def _row(overlay: "Overlay") -> dict[str, Any]:
    return {
        "soc": overlay.soc,
        "name": overlay.name,
        "parameters": list(overlay.description.parameters),
        "summary": overlay.description.summary,
    }


def _document(overlay: "Overlay") -> dict[str, Any]:
    from overlays.catalog import families_with

    described = overlay.description.model_dump(mode="json", exclude_defaults=True)
    for parameter in described.get("parameters", {}).values():
        # What a choice puts into the source is of no use outside of it.
        if "choices" in parameter:
            parameter["choices"] = list(parameter["choices"])
    others = [name for name in families_with(overlay.name) if name != overlay.soc]
    also = {"also_for": others} if others else {}
    return {"name": overlay.name, "soc": overlay.soc, **described, **also}


def _finding(finding: "Finding") -> dict[str, Any]:
    return {
        "tree": finding.tree,
        "result": finding.result,
        "detail": finding.detail,
        "warnings": list(finding.warnings),
        "schema": None if finding.schema is None else list(finding.schema),
    }


def _tell(findings: "Sequence[Finding]") -> None:
    """Say on stderr what a table has no room for, and fail when a tree did not take them."""
    for finding in findings:
        for text in (*finding.warnings, *(finding.schema or ())):
            click.echo(f"warning: {finding.tree}: {text}", err=True)
    if any(finding.result == "fits" and finding.schema is None for finding in findings):
        click.echo("dtschema is not installed, so values were not checked by its schemas", err=True)
    for finding in findings:
        if finding.error:
            raise finding.error
