# SPDX-License-Identifier: Apache-2.0
"""`edgectl flash --watch`: every card that is put into an allowed port becomes the next item."""

import json
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.exit import ExitCode
from edge.cli.output import emit
from edge.errors import EdgeError
from edge.units import format_size

if TYPE_CHECKING:
    from edge.events import Listener
    from flasher.card import CardSpec
    from flasher.card.label import Label
    from flasher.plan import FlashOptions
    from flasher.record import CardRecords
    from flasher.source import Image
    from flasher.station import CardMade, Inbox, Ledger, Order, Sighting

_COLUMNS = ("number", "name", "state", "tries", "port", "record", "enrolment", "error")
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_watch(
    image: "Image",
    options: "FlashOptions",
    *,
    cards: Sequence["CardSpec"] = (),
    alike: "CardSpec | None" = None,
    count: int | None = None,
    ports: Sequence[str] = (),
    already_in: bool = False,
    again: bool = False,
    labels: Path | None = None,
    most_jobs: int = 16,
    yes: bool = False,
    dry_run: bool = False,
    output: str = "table",
) -> int:
    """Make the cards of a list (`cards`), or `count` cards like `alike`, and return the exit code.

    `ports` are patterns as in flash.yaml, whose ports are taken when none are given.

    Raises:
        EdgeError: when no port is allowed, or another station makes the same cards.
    """
    from flasher.device import THIS_HOST
    from flasher.record import card_records
    from flasher.station import look, opened, order_alike, order_list

    patterns = _patterns(ports)
    order = order_list(image, cards) if cards else order_alike(image, count, alike)
    present = look(patterns, THIS_HOST)
    if dry_run:
        _tell_plan(image, order, patterns, present)
        return ExitCode.OK
    records = card_records()
    folder = records.path.parent / "station"
    with opened(folder, order, records, datetime.now(UTC)) as ledger:
        if ledger.is_complete and not again:
            click.echo("everything is made already; --again makes a card once more", err=True)
            return ExitCode.OK
        _tell_plan(image, order, patterns, present, done=ledger.done_count)
        if not yes:
            _confirm()
        _run(
            ledger,
            image,
            options,
            patterns,
            already_in=already_in,
            again=again,
            labels=labels,
            most_jobs=most_jobs,
            output=output,
        )
        return _sum_up(ledger, output)


def _patterns(ports: Sequence[str]) -> tuple[str, ...]:
    """Return which ports may be used; a station that may use all would be a trap."""
    from flasher.device import THIS_HOST
    from flasher.device.policy import load_policy

    patterns = tuple(ports) or tuple(rule.pattern for rule in load_policy(THIS_HOST).ports)
    if not patterns:
        raise EdgeError(
            "no port is allowed, and a station writes every card in an allowed port",
            hint="give --port 'usb-0:1.3', or list them under `ports:` in flash.yaml;"
            " `edgectl devices -o wide` shows the port of each disk",
        )
    return patterns


def _tell_plan(
    image: "Image",
    order: "Order",
    patterns: Sequence[str],
    present: Sequence["Sighting"],
    *,
    done: int = 0,
) -> None:
    from edge.cli.slots import short_port

    cards = f"{order.count} cards" if order.count is not None else "as many cards as are put in"
    names = f", {order.specs[0].name} to {order.specs[-1].name}" if order.is_list else ", all alike"
    lines = [
        ("image", f"{image.origin or image.path}, {format_size(image.size_bytes)}"),
        ("make", f"{cards}{names}" + (f"; {done} are done" if done else "")),
        ("ports", ", ".join(patterns)),
    ]
    for seen in present:
        what = f"{seen.model or 'card'}, {format_size(seen.size_bytes)}"
        lines.append(("in now", f"{short_port(seen.port)}: {what if seen.size_bytes else 'empty'}"))
    for name, text in lines:
        click.echo(f"  {name + ':':<8}{text}", err=True)


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: add --yes")
    answer = click.prompt(
        "\nEverything on every card that is put into these ports will be lost. Type 'yes' to begin",
        default="",
        show_default=False,
        err=True,
    )
    if answer.strip() != "yes":
        click.echo("nothing was written", err=True)
        raise click.Abort


def _run(
    ledger: "Ledger",
    image: "Image",
    options: "FlashOptions",
    patterns: Sequence[str],
    *,
    already_in: bool,
    again: bool,
    labels: Path | None,
    most_jobs: int,
    output: str,
) -> None:
    from flasher.device.watch import watching
    from flasher.record import card_records
    from flasher.station import CardMaker, Inbox, Station, Threads, look, run_station

    inbox, records = Inbox(), card_records()
    maker = CardMaker(image, options, records)
    shown = _Labels(records, labels, has_code=sys.stderr.isatty() and output != "jsonl")
    with watching() as watch, _show(ledger, output, shown) as listener, _stopping(inbox):
        station = Station(
            ledger,
            Threads(maker, inbox.post),
            listener,
            now=lambda: datetime.now(UTC),
            most_jobs=most_jobs,
            already_in=already_in,
            again=again,
        )
        run_station(station, inbox, watch, lambda: look(patterns))


def _show(ledger: "Ledger", output: str, labels: "_Labels") -> AbstractContextManager["Listener"]:
    from edge.cli.slots import show_slots

    def state() -> str:
        total = ledger.order.count
        return f"{ledger.done_count} made" if total is None else _score(ledger)

    return show_slots(output, labels.make, state=state)


def _score(ledger: "Ledger") -> str:
    return f"{ledger.done_count} of {ledger.order.count} cards are made"


@contextmanager
def _stopping(inbox: "Inbox") -> Iterator[None]:
    """Let the first ctrl-C finish what is under way, the second stop it, the third give up."""
    asked = 0

    def stop(number: int, _frame: object) -> None:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise KeyboardInterrupt
        inbox.stop()
        if number != signal.SIGINT:  # whoever kills does not want to wait for cards
            inbox.stop()

    before = {number: signal.signal(number, stop) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Labels:
    """Makes the label of every finished card: files in a folder, or text for a terminal."""

    def __init__(self, records: "CardRecords", folder: Path | None, *, has_code: bool) -> None:
        self._records, self._folder, self._has_code = records, folder, has_code

    def make(self, event: "CardMade") -> str:
        """Return what to show of a card's label; a label that fails spoils no card."""
        from flasher.card.label import label_lines, label_text, make_label

        card = self._records.find(event.record)
        if card is None:
            return ""
        label = make_label(card)
        if self._folder is None:
            text = label_text(label) if self._has_code else "\n".join(label_lines(label))
            return f"\n{text}\n"
        try:
            return f"{event.item.name}: label in {self._write(self._folder, label, event)}"
        except (EdgeError, OSError) as error:
            return f"{event.item.name}: no label: {error}"

    def _write(self, folder: Path, label: "Label", event: "CardMade") -> Path:
        from flasher.card.label import label_lines, write_label

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{event.record:05}-{_plain(event.item.name)}.svg"
        write_label(label, path)
        lines = "\n".join(label_lines(label)) + "\n"
        path.with_suffix(".txt").write_text(lines, encoding="utf-8")
        return path


def _plain(name: str) -> str:
    """Return `name` as a file may be called."""
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "card"


def _sum_up(ledger: "Ledger", output: str) -> int:
    """Print how every item stands and return the exit code that says so."""
    standings = ledger.standings()
    rows: list[dict[str, Any]] = [
        {**{name: getattr(one, name) for name in _COLUMNS}, "state": str(one.state)}
        for one in standings
    ]
    if output == "jsonl":
        for row in rows:
            click.echo(json.dumps({"event": "ItemStands", **row}))
    else:
        emit(rows, columns=_COLUMNS, output=output)
    is_fine = all(row["state"] == "done" for row in rows)
    total = ledger.order.count
    if total is not None:
        click.echo(_score(ledger), err=True)
        is_fine = ledger.is_complete
    return ExitCode.OK if is_fine else ExitCode.FLASH
