# SPDX-License-Identifier: Apache-2.0
"""What a console says of its board in sentences: what is wrong and what to do, and who it is."""

from typing import Final

from edge.provision.console import StagePassed
from edge.units import format_duration
from tui.board import Link, WatchedBoard
from tui.row import Cell, Tone
from tui.text import plain
from tui.widgets.timeline import look_of

SILENCE_S: Final = 10.0
_GARBLED: Final = "what arrives is no text: the speed is wrong, or ground is not connected"


def trouble(board: WatchedBoard, now_s: float) -> list[Cell]:
    """Say what is wrong with the console or the board, and what to do."""
    since = format_duration(max(now_s - board.since_s, 0.0))
    match board.link:
        case Link.REFUSED:
            advice = board.hint or "press o to open another one, or this one again"
            return [Cell(f"✗ {plain(board.reason)}", Tone.BAD), Cell(f"→ {plain(advice)}")]
        case Link.LOST:
            plug = "" if "://" in board.name else "plug the adapter in again; "
            then = f"→ {plug}reading goes on by itself (gone for {since})"
            return [Cell(f"✗ {plain(board.reason)}", Tone.BAD), Cell(then)]
        case Link.OPEN if board.trouble:
            return _explained(board.trouble)
        case Link.OPEN if board.is_garbled:
            return [Cell(f"▲ {_GARBLED}", Tone.WAITING), Cell("→ press o and try another speed")]
        case Link.OPEN if not board.size_bytes and now_s - board.since_s >= SILENCE_S:
            return _silence(board, since)
        case _:
            return []


def who(board: WatchedBoard) -> list[Cell]:
    """Say who the node is, once it said so."""
    facts = board.facts
    if not facts.state:
        return []
    where = ", ".join(facts.addresses[:2]) or "no address yet"
    pin = Cell(f"  fingerprint {facts.fingerprint}" if facts.fingerprint else "", Tone.FAINT)
    if facts.rivals:
        warning = f"▲ at {where}, but this boot named two keys: start the board again"
        others = Cell(f"  and {', '.join(facts.rivals)}", Tone.WAITING)
        return [Cell(warning, Tone.WAITING), pin, others]
    if facts.state != "maintenance":
        return [Cell(f"● running at {where}", Tone.GOOD), pin]
    then = "; press a to configure it" if board.can_be_configured else ""
    return [Cell(f"◆ in maintenance at {where}{then}", Tone.WAITING), pin]


def _explained(trouble: StagePassed) -> list[Cell]:
    look = look_of(trouble.stage)
    if not trouble.advice:
        return [Cell(f"{look.text} {trouble.stage}: {plain(trouble.text)}", look.tone)]
    return [
        Cell(f"{look.text} {trouble.stage}: {plain(trouble.advice)}", look.tone),
        Cell(f"  {plain(trouble.text)}", Tone.FAINT),
    ]


def _silence(board: WatchedBoard, since: str) -> list[Cell]:
    connect = board.line.board.connect if board.line and board.line.board else ""
    wires = f" ({connect})" if connect else ""
    return [
        Cell(f"▲ nothing came for {since}", Tone.WAITING),
        Cell(f"→ check the power, the wires{wires}, and the speed: press o"),
    ]
