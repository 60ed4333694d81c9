# SPDX-License-Identifier: Apache-2.0
"""`edgectl boards`: the board profiles, what they promise, and which one this machine is."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.output import as_yaml, emit, inert, output_option

if TYPE_CHECKING:
    from boards.detect import Detection
    from boards.profile import Profile
    from boards.usb import UsbBoard

_COLUMNS = ("name", "tier", "arch", "kernel", "table", "console", "from", "title")


@click.group(name="boards")
def command() -> None:
    """List, show, detect and check board profiles.

    Boards of your own are YAML files in the folder "boards" of edgectl's configuration, and in
    the folders that EDGECTL_BOARDS names.
    """


@command.command(name="list")
@output_option()
def list_boards(output: str) -> None:
    """List every board that images can be built for.

    TIER A: all of it from Debian, emulated where that is possible. B: a newer kernel than
    stable's, or a loader that the board must hold already. C: firmware or kernel come from you.
    """
    from boards.catalog import all_profiles, find_boards

    files = find_boards().files
    emit((_row(each, files[each.name]) for each in all_profiles()), columns=_COLUMNS, output=output)
    warn_of_faulty_boards()


@command.command()
@click.argument("name")
@output_option("text", "yaml", "json")
def show(name: str, output: str) -> None:
    """Show what to know of board NAME: what works, what does not, and how that is known."""
    import json

    from boards.catalog import find_boards, load_profile
    from boards.describe import describe

    profile = load_profile(name)
    source = _origin(find_boards().files[name])
    document = profile.model_dump(mode="json", exclude_none=True)
    if output == "json":
        click.echo(json.dumps(document, indent=2))
    elif output == "yaml":
        click.echo(as_yaml(document), nl=False)
    else:
        text = describe(profile, source="" if source == "edgectl" else source)
        click.echo(inert(text, lines=True), nl=False)


@command.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("/"),
    help="Look below this directory for /proc and /sys, such as a copy from another machine.",
)
@click.option("--machine", default="", help="That machine's processor, as uname -m calls it.")
@output_option()
def detect(root: Path, machine: str, output: str) -> None:
    """Tell which board this machine is, and which boards on its USB wait for something.

    A machine is known by its device tree or its DMI strings. A board on the USB is no disk: it
    is in recovery mode, runs its maker's system, or is a console; what to do then is said.
    """
    from boards.catalog import all_profiles
    from boards.detect import detect as detect_board
    from boards.usb import DEVICES, find_usb_boards
    from edge.errors import BoardError

    profiles = all_profiles()
    found = detect_board(root, profiles, machine=machine)
    plugged = find_usb_boards(profiles, root / DEVICES.relative_to("/"))
    warn_of_faulty_boards()
    rows = [*_detected(found), *(_usb_row(each) for each in plugged)]
    if not rows:
        raise BoardError(
            f"no profile fits this machine ({found.evidence}), and no board is on its USB",
            hint="edgectl boards list shows the known ones; docs/boards.md how to add one",
        )
    emit(rows, columns=("name", "where", "model", "evidence"), output=output)
    explain_usb_boards(plugged)


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--strict", is_flag=True, help="Notes are faults.")
def validate(file: Path, strict: bool) -> None:
    """Check the board in FILE; every fault is listed with its line, field and what is allowed.

    Notes name what is allowed but odd. Nothing is built or fetched.
    """
    from boards.validate import check_board
    from edge.errors import ConfigError
    from edge.text import name_given

    findings, source = check_board(file), name_given(file)
    for note in findings.notes:
        click.echo(inert(f"note: {source}: {note}"), err=True)
    faults = findings.faults + (findings.notes if strict else ())
    if faults or findings.profile is None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        told = tuple(f"{source}: {each}" for each in faults)
        raise ConfigError(f"{source} is not a valid board: {count}", faults=told)
    profile = findings.profile
    click.echo(inert(f"{source} is valid: board {profile.name}, {profile.title}"), err=True)


def explain_usb_boards(plugged: "list[UsbBoard]") -> None:
    """Tell what to do with boards on the USB that are no disks."""
    for each in plugged:
        click.echo(f"USB port {each.port}: {each.name}. {each.text}", err=True)


def warn_of_faulty_boards() -> None:
    """Name the user's files that are no boards."""
    from boards.catalog import faulty_boards

    for error in faulty_boards().values():
        click.echo(inert(f"warning: {error.message} ({error.hint})"), err=True)


def _row(profile: "Profile", path: Path) -> dict[str, object]:
    return {
        "name": profile.name,
        "tier": profile.tier,
        "arch": profile.arch,
        "kernel": "yours" if profile.kernel.origin == "file" else profile.kernel.origin,
        "table": profile.partition_table.kind,
        "console": f"{profile.console.device},{profile.console.baud}",
        "from": _origin(path),
        "title": profile.title,
        "models": list(profile.models),
        "pieces": [piece.name for piece in profile.pieces if piece.required],
    }


def _origin(path: Path) -> str:
    from boards.catalog import SHIPPED

    return "edgectl" if path.parent == SHIPPED else str(path)


def _detected(found: "Detection") -> list[dict[str, str]]:
    if found.profile is None:
        return []
    name, model, evidence = found.profile.name, found.model, found.evidence
    return [{"name": name, "where": "this machine", "model": model, "evidence": evidence}]


def _usb_row(board: "UsbBoard") -> dict[str, str]:
    return {
        "name": " or ".join(board.boards),
        "where": f"USB port {board.port}",
        "model": board.name,
        "evidence": f"USB {board.id}",
        "mode": board.mode,
        "text": board.text,
    }
