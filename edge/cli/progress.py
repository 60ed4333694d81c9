# SPDX-License-Identifier: Apache-2.0
"""Shows a job's events on stderr: bars on a terminal, plain lines elsewhere."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from edge.events import Event, Listener, Noted, Progressed, StepFinished, StepStarted
from edge.units import format_duration, format_size

_PLAIN_STEPS = 4  # a plain log says a quarter at a time


@contextmanager
def narrate(*, as_lines: bool = False) -> Iterator[Listener]:
    """Give a listener that shows events; with `as_lines` they go to stdout as JSON lines."""
    if as_lines:
        yield _print_json
    elif sys.stderr.isatty():
        with _bars() as listener:
            yield listener
    else:
        yield _Plain().show


def _print_json(event: Event) -> None:
    click.echo(json.dumps({"event": type(event).__name__, **asdict(event)}, default=str))


class _Plain:
    """One line an event, for logs and pipes."""

    def __init__(self) -> None:
        self._quarters: dict[str, int] = {}

    def show(self, event: Event) -> None:
        if isinstance(event, Progressed):
            self._show_progress(event)
        elif text := _text(event):
            click.echo(text, err=True)

    def _show_progress(self, event: Progressed) -> None:
        quarter = event.done_bytes * _PLAIN_STEPS // max(1, event.total_bytes)
        if quarter == self._quarters.get(event.step, 0):
            return
        self._quarters[event.step] = quarter
        done, total = format_size(event.done_bytes), format_size(event.total_bytes)
        click.echo(f"  {event.step}: {done} of {total}", err=True)


@contextmanager
def _bars() -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("  {task.description:<12}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
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
    bars: dict[str, int] = {}

    def show(event: Event) -> None:
        if isinstance(event, Progressed):
            if event.step not in bars:
                bars[event.step] = add(event.step, total=event.total_bytes)
            update(bars[event.step], completed=event.done_bytes, total=event.total_bytes)
            return
        if isinstance(event, StepFinished):
            for bar in bars.values():
                remove(bar)
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
    return f"  {event.text}" if isinstance(event, Noted) else ""
