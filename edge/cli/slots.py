# SPDX-License-Identifier: Apache-2.0
"""Shows a station's slots: a live table on a terminal, else a line for every change."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edge.events import Event, Listener
from edge.units import format_duration, format_size
from flasher.station.event import (
    CardMade,
    Phase,
    SlotMoved,
    SlotNoted,
    SlotProgressed,
    StationNoted,
)

if TYPE_CHECKING:
    from rich.table import Table

_STYLES = {
    Phase.DONE: "bold green",
    Phase.FAILED: "bold red",
    Phase.LEFT: "yellow",
    Phase.EMPTY: "dim",
    Phase.SETTLING: "dim",
    Phase.WAITING: "dim",
}
_USB = re.compile(r"usb-0:([\d.]+):\d+\.\d+(?:-scsi-0:0:0:(\d+))?$")
_BAR_CELLS = 10


@dataclass(slots=True)
class Row:
    """One slot as it is shown."""

    port: str
    device: str = ""
    card: str = ""
    item: str = ""
    phase: Phase = Phase.EMPTY
    text: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: float = 0.0

    def note(self, event: Event) -> None:
        """Take over what `event` says."""
        if isinstance(event, SlotMoved):
            self._move(event)
        elif isinstance(event, SlotNoted):
            self.text = event.text
        elif isinstance(event, SlotProgressed):
            self.done_bytes, self.total_bytes = event.done_bytes, event.total_bytes
            self.bytes_per_second = event.bytes_per_second

    @property
    def progress(self) -> str:
        """Return how much of the phase is done, how fast it goes, and how long it will take."""
        if not self.phase.is_busy or not self.total_bytes:
            return ""
        part = min(1.0, self.done_bytes / self.total_bytes)
        full = round(part * _BAR_CELLS)
        bar = f"{'━' * full}{'╌' * (_BAR_CELLS - full)} {part:4.0%}"
        if not self.bytes_per_second:
            return bar
        left = format_duration((self.total_bytes - self.done_bytes) / self.bytes_per_second)
        return f"{bar} {format_size(int(self.bytes_per_second)):>9}/s {left:>6}"

    @property
    def remark(self) -> str:
        """Return what to know or do, the more urgent first."""
        if self.phase is Phase.DONE:
            return "take it out" + (f"; {self.text}" if self.text else "")
        if self.phase is Phase.FAILED:
            return f"{self.text}; take it out"
        return "  ".join(word for word in (self.progress, self.text) if word) or self.card

    def _move(self, event: SlotMoved) -> None:
        if event.phase is not Phase.EMPTY:
            self.text, self.item = event.text, event.item.name if event.item else ""
        elif self.phase is not Phase.EMPTY:  # keeps saying what became of its last card
            self.text, self.item = f"last: {self.item or 'card'} {self.phase}", ""
        self.phase, self.device, self.card = event.phase, event.device, event.card
        self.done_bytes = self.total_bytes = 0
        self.bytes_per_second = 0.0


@contextmanager
def show_slots(
    output: str, made: Callable[[CardMade], str], *, state: Callable[[], str] = str
) -> Iterator[Listener]:
    """Give a listener that shows a station.

    `made` returns what to print for a finished card, `state` a line about the whole.
    """
    if output == "jsonl":
        yield _Lines(made).show_json
    elif sys.stderr.isatty():
        with _quiet_keys(), _Live(made, state) as live:
            yield live.show
    else:
        yield _Lines(made).show_text


def short_port(port: str) -> str:
    """Return a port's name without what is the same for nearly all of them."""
    if found := _USB.search(port):
        return f"usb {found[1]}" + (f" slot {found[2]}" if found[2] not in (None, "0") else "")
    return port


def to_json(event: Event) -> dict[str, Any] | None:
    """Return a line for programs; None for what is no change of state."""
    if isinstance(event, SlotProgressed):
        return None
    fields = {name: getattr(event, name) for name in type(event).__dataclass_fields__}
    item = fields.pop("item", None)
    named = {"number": item.number, "item": item.name} if item else {}
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"event": type(event).__name__, "at": at, **fields, **named}


@contextmanager
def _quiet_keys() -> Iterator[None]:
    """Keep what is typed, ctrl-C included, from being shown in the middle of the table."""
    import termios

    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


class _Lines:
    """One line for every change."""

    def __init__(self, made: Callable[[CardMade], str]) -> None:
        self._made = made

    def show_json(self, event: Event) -> None:
        if isinstance(event, CardMade):
            self._made(event)
        if line := to_json(event):
            click.echo(json.dumps(line, default=str))

    def show_text(self, event: Event) -> None:
        if isinstance(event, SlotMoved):
            item = event.item.name if event.item else ""
            words = (short_port(event.port), str(event.phase), item, event.card, event.text)
            click.echo("  ".join(word for word in words if word), err=True)
        elif isinstance(event, SlotNoted):
            click.echo(f"{short_port(event.port)}  {event.text}", err=True)
        elif isinstance(event, StationNoted):
            click.echo(event.text, err=True)
        elif isinstance(event, CardMade) and (label := self._made(event)):
            click.echo(label, err=True)


class _Live:
    """A table that is drawn over and over; what is said above it stays."""

    def __init__(self, made: Callable[[CardMade], str], state: Callable[[], str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._made, self._state = made, state
        self._rows = dict[str, Row]()
        self._console: Console = Console(stderr=True)
        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=4, transient=False
        )

    def __enter__(self) -> "_Live":
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        if isinstance(event, StationNoted):
            self._say(event.text)
        elif isinstance(event, CardMade):
            if label := self._made(event):
                self._say(label)
        elif isinstance(event, SlotMoved | SlotNoted | SlotProgressed):
            rows = dict(self._rows)  # the drawing thread may be reading the present one
            rows.setdefault(event.port, Row(event.port)).note(event)
            self._rows = rows

    def _say(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text.from_ansi(text), soft_wrap=True)

    def _draw(self) -> "Table":
        return draw(list(self._rows.values()), self._state())


def draw(rows: list[Row], state: str = "") -> "Table":
    """Return the table of all slots, a line each, and a line below it about the whole."""
    from rich.table import Table
    from rich.text import Text

    caption = Text(state) if state else None
    table = Table(
        box=None,
        pad_edge=False,
        header_style="dim",
        expand=True,
        caption=caption,
        caption_justify="left",
    )
    for title, fixed in (("PORT", 7), ("DEVICE", 7), ("ITEM", 8), ("PHASE", 10)):
        table.add_column(title, no_wrap=True, min_width=fixed)
    table.add_column("", no_wrap=True, ratio=1, overflow="ellipsis")
    for row in sorted(rows, key=lambda row: row.port):
        style = _STYLES.get(row.phase, "cyan")
        cells = (short_port(row.port), row.device.removeprefix("/dev/"), row.item)
        table.add_row(*map(Text, cells), Text(str(row.phase), style=style), Text(row.remark))
    if not rows:
        table.add_row(Text("no card yet"), *[""] * 4)
    return table
