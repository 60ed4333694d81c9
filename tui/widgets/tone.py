# SPDX-License-Identifier: Apache-2.0
"""Tones as terminal styles: the sixteen basic colours, which every theme maps to its own."""

from typing import Final

from rich.text import Text

from tui.row import Cell, Tone

STYLES: Final = {
    Tone.PLAIN: "",
    Tone.FAINT: "dim",
    Tone.GOOD: "green",
    Tone.WAITING: "yellow",
    Tone.NOTE: "cyan",
    Tone.BAD: "bold red",
}


def toned(cell: Cell) -> Text:
    """Return a cell as text on one line; what does not fit ends in an ellipsis."""
    return Text(cell.text, style=STYLES[cell.tone], no_wrap=True, overflow="ellipsis")


def lines(*cells: Cell) -> Text:
    """Return cells as lines of one text."""
    return Text("\n").join(Text(cell.text, style=STYLES[cell.tone]) for cell in cells)
