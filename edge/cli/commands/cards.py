# SPDX-License-Identifier: Apache-2.0
"""`edgectl cards`: what was flashed from here, to which card, and how it ended."""

import base64
import json
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import as_yaml, emit, output_option
from edge.errors import DeviceError

if TYPE_CHECKING:
    from flasher.record import Card, CardRecords

_COLUMNS = ("id", "started", "outcome", "board", "device", "model", "enrolment")


@click.group()
def command() -> None:
    """Show the cards that were flashed from here."""


@command.command("list")
@output_option()
def list_cards(output: str) -> None:
    """List every attempt to flash a card, oldest first."""
    emit([_row(card) for card in _records().cards()], columns=_COLUMNS, output=output)


@command.command()
@click.argument("card_id", metavar="ID")
@click.option("--show-secret", is_flag=True, help="Print the enrolment secret too.")
@output_option("yaml", "json")
def show(card_id: str, show_secret: bool, output: str) -> None:
    """Show one card by its number, enrolment or fingerprint."""
    row = _row(_find(card_id), show_secret=show_secret)
    click.echo(json.dumps(row, indent=2) if output == "json" else as_yaml(row).rstrip())


@command.command()
@click.option("--show-secret", is_flag=True, help="Include the enrolment secrets.")
def export(show_secret: bool) -> None:
    """Print all records as JSON lines, to keep or to carry to another machine."""
    for card in _records().cards():
        click.echo(json.dumps(_row(card, show_secret=show_secret)))


def _records() -> "CardRecords":
    from flasher.record import card_records

    return card_records()


def _find(card_id: str) -> "Card":
    records = _records()
    card = records.find(int(card_id)) if card_id.isdecimal() and len(card_id) < 16 else None
    card = card or records.find_by_enrolment(card_id) or records.find_by_fingerprint(card_id)
    if card is None:
        raise DeviceError(
            f"no card {card_id} was flashed from here", hint="`edgectl cards list` shows them"
        )
    return card


def _row(card: "Card", *, show_secret: bool = False) -> dict[str, Any]:
    attempt = card.attempt
    row = {
        "id": card.id,
        "started": attempt.started.isoformat(),
        "ended": card.ended.isoformat() if card.ended else None,
        "outcome": str(card.outcome),
        "error": card.error,
        "board": attempt.board,
        "version": attempt.version,
        "image": str(attempt.image_path),
        "image_sha256": attempt.image_sha256,
        "image_bytes": attempt.image_bytes,
        "device": str(attempt.device_path),
        "by_id": attempt.device_by_id,
        "model": attempt.device_model,
        "serial": attempt.device_serial,
        "device_bytes": attempt.device_bytes,
        "written_bytes": card.written_bytes,
        "seconds": round(card.seconds, 3),
        "fingerprint": attempt.fingerprint,
        "enrolment": attempt.enrolment_id,
    }
    if show_secret and attempt.secret is not None:
        row["secret"] = base64.b64encode(attempt.secret).decode()
    return row
