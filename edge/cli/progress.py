# SPDX-License-Identifier: Apache-2.0
"""Shows a job's events on stderr: bars on a terminal, plain lines elsewhere."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import click

from edge.events import Event, Listener, Noted, Progressed, StepFinished, StepStarted
from edge.units import format_duration, format_size

_PLAIN_STEPS = 4  # a plain log says a quarter at a time


class Bar(NamedTuple):
    """How far something has come."""

    name: str
    done_bytes: int
    total_bytes: int
    card: str = ""


@contextmanager
def narrate(*, as_lines: bool = False) -> Iterator[Listener]:
    """Give a listener that shows events; with `as_lines` they go to stdout as JSON lines."""
    if as_lines:
        yield _unless_closed(_print_json)
    elif sys.stderr.isatty():
        with _bars() as listener:
            yield listener
    else:
        yield _unless_closed(_Plain().show)


def _unless_closed(listener: Listener) -> Listener:
    """Go on in silence when nobody listens any more: a card is not left half written for that."""
    is_closed = False

    def show(event: Event) -> None:
        nonlocal is_closed
        if is_closed:
            return
        try:
            listener(event)
        except BrokenPipeError:
            is_closed = True

    return show


def _print_json(event: Event) -> None:
    click.echo(json.dumps({"event": type(event).__name__, **asdict(event)}, default=str))


def _progress_of(event: Event) -> Bar | None:
    """Return the bar that `event` moves; cards of one run have a bar each."""
    from flasher.write.event import CardProgressed

    if isinstance(event, Progressed):
        return Bar(event.step, event.done_bytes, event.total_bytes)
    if isinstance(event, CardProgressed):
        name = f"{Path(event.card).name} {event.phase}"
        return Bar(name, event.done_bytes, event.total_bytes, card=event.card)
    return None


class _Plain:
    """One line an event, for logs and pipes."""

    def __init__(self) -> None:
        self._quarters: dict[str, int] = {}

    def show(self, event: Event) -> None:
        if bar := _progress_of(event):
            self._show_progress(bar)
        elif text := _text(event):
            click.echo(text, err=True)

    def _show_progress(self, bar: Bar) -> None:
        quarter = bar.done_bytes * _PLAIN_STEPS // max(1, bar.total_bytes)
        if quarter == self._quarters.get(bar.name, 0):
            return
        self._quarters[bar.name] = quarter
        done, total = format_size(bar.done_bytes), format_size(bar.total_bytes)
        click.echo(f"  {bar.name}: {done} of {total}", err=True)


@contextmanager
def _bars() -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class SpeedColumn(ProgressColumn):
        """Speed in the units of everything else."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{format_size(int(speed))}/s" if speed else "")

    columns = (
        TextColumn("  {task.description:<14}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        SpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _drawing(progress.add_task, progress.update, progress.remove_task, progress.print)


def _drawing(
    add: Callable[..., int],
    update: Callable[..., None],
    remove: Callable[..., None],
    say: Callable[..., None],
) -> Listener:
    from flasher.write.event import CardFailed, CardFinished

    bars: dict[str, int] = {}

    def move(bar: Bar) -> None:
        key = bar.card or bar.name
        if key not in bars:
            bars[key] = add(bar.name, total=bar.total_bytes)
        update(bars[key], description=bar.name, completed=bar.done_bytes, total=bar.total_bytes)

    def show(event: Event) -> None:
        if bar := _progress_of(event):
            move(bar)
            return
        if isinstance(event, CardFinished | CardFailed) and event.card in bars:
            remove(bars.pop(event.card))
        if isinstance(event, StepFinished):
            for bar_id in bars.values():
                remove(bar_id)
            bars.clear()
        if text := _text(event):
            say(text, markup=False, highlight=False)

    return show


def _text(event: Event) -> str:
    if isinstance(event, StepStarted):
        return f"{event.step} ..."
    if isinstance(event, StepFinished):
        detail = f": {event.detail}" if event.detail else ""
        return f"{event.step} done in {format_duration(event.seconds)}{detail}"
    return f"  {event.text}" if isinstance(event, Noted) else _card_text(event)


def _card_text(event: Event) -> str:
    from flasher.write.event import CardFailed, CardNoted

    if isinstance(event, CardNoted):
        return f"  {event.card}: {event.text}"
    return f"  {event.card}: failed: {event.error}" if isinstance(event, CardFailed) else ""
