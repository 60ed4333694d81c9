# SPDX-License-Identifier: Apache-2.0
"""The stages of a boot with the time that each took: a column, or in a narrow terminal a line."""

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from edge.provision.console import Stage
from edge.units import format_duration
from tui.board import Step, WatchedBoard
from tui.row import Cell, Tone
from tui.text import plain
from tui.widgets.tone import STYLES

# Where a board stays: not something that takes its time.
_ARRIVED: Final = {
    Stage.MAINTENANCE: ("◆", Tone.WAITING),
    Stage.RUNNING: ("●", Tone.GOOD),
    Stage.FOREIGN: ("●", Tone.NOTE),
    Stage.POWERED_OFF: ("○", Tone.FAINT),
}
_ARROW: Final = " → "
_NOTHING: Final = "no boot stage recognised yet"


class TimelineColumn(Static):
    """Every stage on a line of its own, then what machine it is."""

    def show(self, board: WatchedBoard, now_s: float) -> None:
        """Show the present boot of a board."""
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        steps = board.steps(now_s)
        for step in steps:
            glyph, tone = _look(step)
            style = STYLES[tone]
            table.add_row(Text(glyph, style), Text(step.stage, style), _taken(step))
        if len(steps) > 1:
            total_s = board.boot_seconds + _present_seconds(steps)
            table.add_row("", _faint("in all"), _faint(format_duration(total_s)))
        parts = [table] if steps else [_faint(_NOTHING)]
        kernel = f"Linux {board.facts.kernel}" if board.facts.kernel else ""
        about = [_faint(plain(each)) for each in (board.facts.model, kernel) if each]
        self.update(_stack([*parts, *about]))


class TimelineStrip(Static):
    """The last stages that fit on one line, the present one at its end."""

    def show(self, board: WatchedBoard, now_s: float) -> None:
        """Show the present boot of a board."""
        parts = [_part(step, board) for step in board.steps(now_s)] or [_faint(_NOTHING)]
        left_out = False
        while len(parts) > 1 and _width(parts, left_out) > self.content_size.width:
            del parts[0]
            left_out = True
        shown = [_faint("…"), *parts] if left_out else parts
        self.update(Text(_ARROW, style=STYLES[Tone.FAINT], no_wrap=True).join(shown))


def look_of(stage: Stage) -> Cell:
    """Return a trouble's glyph and tone."""
    return Cell("✗", Tone.BAD) if stage.is_failure else Cell("▲", Tone.WAITING)


def _look(step: Step) -> tuple[str, Tone]:
    if step.stage.is_trouble:
        cell = look_of(step.stage)
        return cell.text, cell.tone
    if step.is_stuck:
        return "✗", Tone.BAD
    if step.is_over:
        return "✓", Tone.GOOD
    return _ARRIVED.get(step.stage, ("◐", Tone.NOTE))


def _part(step: Step, board: WatchedBoard) -> Text:
    glyph, tone = _look(step)
    taken = _taken(step)
    if step.stage in _ARRIVED and not step.is_over and board.boot_seconds:
        taken = Text(f"after {format_duration(board.boot_seconds)}")
    name = Text(f"{glyph} {step.stage}", style=STYLES[tone])
    return Text.assemble(name, " ", taken) if taken.plain else name


def _taken(step: Step) -> Text:
    """Return the time a stage took; a trouble has none, and where a board stays is no work."""
    if step.seconds is None or (step.stage in _ARRIVED and not step.is_over):
        return Text("")
    return Text(format_duration(step.seconds), style=STYLES[Tone.FAINT] if step.is_over else "")


def _present_seconds(steps: Sequence[Step]) -> float:
    """Return how long the board has been at its latest stage, unless it stays there."""
    timed = [step for step in steps if step.seconds is not None]
    latest = timed[-1] if timed else None
    if latest is None or latest.is_over or latest.stage in _ARRIVED:
        return 0.0
    return latest.seconds or 0.0


def _width(parts: Sequence[Text], left_out: bool) -> int:
    dots = len("…") + len(_ARROW) if left_out else 0
    return dots + sum(part.cell_len for part in parts) + len(_ARROW) * (len(parts) - 1)


def _stack(parts: Sequence[Table | Text]) -> Table:
    stack = Table.grid(expand=True)
    stack.add_column(ratio=1)
    for part in parts:
        stack.add_row(part)
    return stack


def _faint(text: str) -> Text:
    return Text(text, style=STYLES[Tone.FAINT])
