# SPDX-License-Identifier: Apache-2.0
"""Rows of the node table: which columns fit, what is in the cells, what matches, what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tui.model import Node, State
from tui.text import age, percent


class Tone(StrEnum):
    """How much attention something wants; colour only repeats what glyph and word say."""

    PLAIN = "plain"
    FAINT = "faint"
    GOOD = "good"
    WAITING = "waiting"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and its tone."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, its width in characters, and the terminal width from which on it is shown."""

    key: str
    title: str
    width: int
    from_width: int = 0


Row = Mapping[str, Cell]

COLUMNS: Final = (
    Column(key="state", title="STATE", width=13),
    Column(key="name", title="NAME", width=18),
    Column(key="address", title="ADDRESS", width=15),
    Column(key="board", title="BOARD", width=10, from_width=108),
    Column(key="version", title="VERSION", width=8, from_width=92),
    Column(key="card", title="CARD", width=8),
    Column(key="cpu", title="CPU", width=4),
    Column(key="memory", title="MEM", width=4),
    Column(key="seen", title="SEEN", width=5),
)
_SPARE_COLUMN = "name"
_PADDING = 1

_LOOKS: Final = {
    State.LOOKING: ("…", Tone.FAINT),
    State.BOOTING: ("◐", Tone.NOTE),
    State.MAINTENANCE: ("◆", Tone.WAITING),
    State.RUNNING: ("●", Tone.GOOD),
    State.NOT_READY: ("▲", Tone.WAITING),
    State.NO_ACCESS: ("⊘", Tone.NOTE),
    State.UNREACHABLE: ("✗", Tone.BAD),
}


def columns_for(width: int) -> tuple[Column, ...]:
    """Return the columns that a terminal of `width` has room for; the name takes what is left."""
    shown = [column for column in COLUMNS if column.from_width <= width]
    used = sum(column.width + 2 * _PADDING for column in shown)
    spare = min(max(width - used, -8), 14)
    return tuple(
        Column(key=column.key, title=column.title, width=column.width + spare)
        if column.key == _SPARE_COLUMN
        else column
        for column in shown
    )


def state_cell(node: Node) -> Cell:
    """Return glyph, word and tone of a node's state."""
    glyph, tone = _LOOKS[node.state]
    return Cell(f"{glyph} {node.stage}", tone)


def card_cell(node: Node) -> Cell:
    """Say whether a node is on a card that was flashed here; `?` where only mDNS claims it."""
    if node.identity:
        card = node.identity.card
        return Cell(f"card {card}", Tone.GOOD) if card else Cell("stranger", Tone.WAITING)
    if node.sighting and node.sighting.claimed_card:
        return Cell(f"card {node.sighting.claimed_card}?", Tone.FAINT)
    return Cell("", Tone.FAINT)


def row_of(node: Node, now: datetime) -> Row:
    """Return the cells of a node."""
    live = node.failure is None and node.report is not None
    return {
        "state": state_cell(node),
        "name": Cell(node.name),
        "address": Cell(node.address),
        "board": Cell(node.board),
        "version": Cell(node.version),
        "card": card_cell(node),
        "cpu": _share(node.cpu) if live else Cell(""),
        "memory": _share(node.memory) if live else Cell(""),
        "seen": Cell(age(node.last_seen, now), Tone.FAINT),
    }


def matches(row: Row, query: str) -> bool:
    """Say whether any cell holds `query`; a leading `!` asks for the opposite."""
    wanted = query.strip().lower()
    if wanted.startswith("!"):
        return wanted == "!" or not matches(row, wanted[1:])
    return any(wanted in cell.text.lower() for cell in row.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to do to a table to have it show other rows."""

    removed: tuple[str, ...]
    added: tuple[str, ...]
    updated: tuple[tuple[str, str, Cell], ...]
    """Row, column, new content."""


def changes(before: Mapping[str, Row], after: Mapping[str, Row]) -> Changes:
    """Return the difference between two sets of rows."""
    return Changes(
        removed=tuple(key for key in before if key not in after),
        added=tuple(key for key in after if key not in before),
        updated=tuple(
            (key, column, cell)
            for key, row in after.items()
            if key in before
            for column, cell in row.items()
            if before[key].get(column) != cell
        ),
    )


def _share(percents: Sequence[float]) -> Cell:
    if not percents:
        return Cell("")
    tone = Tone.BAD if percents[-1] >= 90 else Tone.PLAIN
    return Cell(percent(percents[-1]).rjust(4), tone)
