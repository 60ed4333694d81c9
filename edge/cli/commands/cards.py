# SPDX-License-Identifier: Apache-2.0
"""`edgectl cards`: what was flashed from here, to which card, and how it ended."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import as_yaml, emit, output_option
from edge.errors import DeviceError

if TYPE_CHECKING:
    from flasher.record import Card, CardRecords, CurrentCard

_COLUMNS = (
    "id",
    "name",
    "tag",
    "outcome",
    "attempts",
    "board",
    "device",
    "model",
    "enrolment",
    "last_error",
)
_ATTEMPT_COLUMNS = ("id", "started", "outcome", "board", "device", "model", "enrolment", "error")
_HISTORY_KEYS = (
    "id",
    "started",
    "ended",
    "outcome",
    "error",
    "resumes",
    "image",
    "image_sha256",
    "device",
    "port",
    "enrolment",
    "written_bytes",
    "rewritten_ranges",
    "seconds",
)


@click.group()
def command() -> None:
    """Show the cards that were flashed from here."""


@command.command("list")
@click.option("--attempts", is_flag=True, help="List every attempt, not every card.")
@click.option("--failed", is_flag=True, help="Only what did not end well.")
@click.option("--board", help="Only cards for this board.")
@click.option("--tag", help="Only the card with this asset tag.")
@output_option()
def list_cards(
    attempts: bool, failed: bool, board: str | None, tag: str | None, output: str
) -> None:
    """List every card as it is now, oldest first.

    LAST_ERROR is kept when a later attempt went well: a card that failed once may again.
    """

    def is_wanted(card: "Card") -> bool:
        return (
            not (failed and card.outcome == "written")
            and (board is None or card.attempt.board == board)
            and (tag is None or card.attempt.asset_tag.lower() == tag.lower())
        )

    records = _records()
    if attempts:
        rows = [_row(card) for card in records.cards() if is_wanted(card)]
        emit(rows, columns=_ATTEMPT_COLUMNS, output=output)
        return
    rows = [_current_row(each) for each in records.current() if is_wanted(each.card)]
    emit(rows, columns=_COLUMNS, output=output)


@command.command()
@click.argument("card", metavar="CARD")
@click.option("--show-secret", is_flag=True, help="Print the enrolment secret too.")
@output_option("yaml", "json")
def show(card: str, show_secret: bool, output: str) -> None:
    """Show one card and every attempt on it.

    CARD is its number, name, host name, asset tag, serial number, CID, enrolment, fingerprint,
    or what a scanner reads from its label.
    """
    found = _find(card)
    history = [_row(each) for each in _records().history(found.identity)]
    row = _row(found, show_secret=show_secret)
    row["attempts"] = [{key: each[key] for key in _HISTORY_KEYS} for each in history]
    click.echo(json.dumps(row, indent=2) if output == "json" else as_yaml(row).rstrip())


@command.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="JSON lines, or a table for spreadsheets.",
)
@click.option("--show-secret", is_flag=True, help="Include the enrolment secrets.")
def export(form: str, show_secret: bool) -> None:
    """Print every attempt, to keep or to carry to another machine."""
    rows = [_row(card, show_secret=show_secret) for card in _records().cards()]
    if form == "jsonl":
        for row in rows:
            click.echo(json.dumps(row))
    elif rows:
        click.echo(_as_csv(rows, with_secret=show_secret), nl=False)


@command.command()
@click.argument("card", metavar="CARD")
@click.option("--svg", type=click.Path(path_type=Path), help="Draw it into this file.")
@click.option("--png", type=click.Path(path_type=Path), help="Paint the code into this file.")
def label(card: str, svg: Path | None, png: Path | None) -> None:
    """Print a label for a card: a QR code and what it says.

    It names the card and leads to its record; it holds no secret.
    """
    from flasher.card.label import label_text, make_label, write_label

    made = make_label(_find(card))
    if svg is None and png is None:
        click.echo(label_text(made))
    for path, kind in ((svg, ".svg"), (png, ".png")):
        if path is None:
            continue
        if path.suffix.lower() != kind:
            raise click.BadParameter(f"{path} does not end in {kind}", param_hint=f"--{kind[1:]}")
        write_label(made, path)
        click.echo(f"wrote {path}", err=True)


def _records() -> "CardRecords":
    from flasher.record import card_records

    return card_records()


def _find(text: str) -> "Card":
    from flasher.card.label import read_label

    records = _records()
    if scanned := read_label(text):
        text = scanned.enrolment or scanned.fingerprint or scanned.tag or scanned.name
    if text.isdecimal() and len(text) < 16 and (card := records.find(int(text))):
        return card
    found = records.find_like(text)
    if not found:
        raise DeviceError(
            f"no card {text} was flashed from here", hint="`edgectl cards list` shows them"
        )
    if len(found) > 1:
        raise DeviceError(
            f"{len(found)} cards are called {text}",
            hint=f"say which by its number: {', '.join(str(card.id) for card in found)}",
        )
    return found[0]


def _current_row(current: "CurrentCard") -> dict[str, Any]:
    at = current.last_error_at
    return {
        **_row(current.card),
        "attempts": current.attempts,
        "written": current.written,
        "last_error": current.last_error,
        "last_error_at": at.isoformat() if at else None,
    }


def _row(card: "Card", *, show_secret: bool = False) -> dict[str, Any]:
    attempt = card.attempt
    row = {
        "id": card.id,
        "name": attempt.card_name,
        "hostname": attempt.hostname,
        "tag": attempt.asset_tag,
        "started": attempt.started.isoformat(),
        "ended": card.ended.isoformat() if card.ended else None,
        "outcome": str(card.outcome),
        "error": card.error,
        "resumes": attempt.resumes,
        "board": attempt.board,
        "version": attempt.version,
        "image": str(attempt.image_path),
        "image_sha256": card.image_sha256,
        "image_bytes": attempt.image_bytes,
        "device": str(attempt.device_path),
        "port": attempt.device_port,
        "by_id": attempt.device_by_id,
        "model": attempt.device_model,
        "serial": attempt.device_serial,
        "cid": attempt.card_cid,
        "device_bytes": attempt.device_bytes,
        "probed_bytes": card.probed_bytes,
        "written_bytes": card.written_bytes,
        "verified_bytes": card.verified_bytes,
        "rewritten_ranges": card.rewritten_ranges,
        "seconds": round(card.seconds, 3),
        "write_bytes_per_second": round(card.write_bytes_per_second),
        "read_bytes_per_second": round(card.read_bytes_per_second),
        "fingerprint": attempt.fingerprint,
        "enrolment": attempt.enrolment_id,
    }
    if show_secret and attempt.secret is not None:
        row["secret"] = base64.b64encode(attempt.secret).decode()
    return row


def _as_csv(rows: Iterable[dict[str, Any]], *, with_secret: bool) -> str:
    import csv
    import io

    rows = list(rows)
    names = [name for name in rows[0] if name != "secret"] + (["secret"] if with_secret else [])
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
