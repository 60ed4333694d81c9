# SPDX-License-Identifier: Apache-2.0
"""A board's serial console, live: its text, its boot stages with their times, what went wrong."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.worker import Worker, WorkerState

from discovery.record import API_PORT
from edge.errors import EdgeError
from edge.units import format_size
from tui.board import Link, WatchedBoard
from tui.board_news import trouble, who
from tui.console import Line, Printed, Refused
from tui.model import Node
from tui.reading import Reading
from tui.row import Cell, Tone
from tui.screens.configure import configure
from tui.services import Target
from tui.text import plain
from tui.widgets.console_view import ConsoleView
from tui.widgets.timeline import TimelineColumn, TimelineStrip
from tui.widgets.title_bar import TitleBar
from tui.widgets.tone import lines, toned

if TYPE_CHECKING:
    from tui.app import EdgeApp

DRAW_S: Final = 0.1
WIDE: Final = 110
_READERS: Final = "readers"
_LINKS: Final = {
    Link.CLOSED: ("○", Tone.FAINT),
    Link.OPENING: ("…", Tone.FAINT),
    Link.OPEN: ("●", Tone.GOOD),
    Link.LOST: ("✗", Tone.BAD),
    Link.REFUSED: ("✗", Tone.BAD),
}


class ConsoleScreen(Screen[None]):
    """Reads one console in a thread that ends when the screen is left."""

    CSS_PATH = Path(__file__).with_name("console.tcss")
    AUTO_FOCUS = "#text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "Apply"),
        Binding("o", "choose", "Open"),
        Binding("f,space", "pause", "Pause", key_display="f"),
        Binding("f,space", "follow", "Follow", key_display="f"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("n", "match(-1)", "Next"),
        Binding("N", "match(1)", "Next below", show=False),
        Binding("w", "toggle_record", "Log"),
        Binding("t", "toggle_timeline", "Stages"),
        Binding("escape", "back", "Back"),
    ]

    def __init__(self, line: Line | None = None) -> None:
        super().__init__()
        self._line = line
        self._board = WatchedBoard()
        self._reading: Reading | None = None
        self._keys: tuple[bool, ...] = ()
        self._column: bool | None = None
        """Whether the stages stand in a column; the width decides until the user does."""

    @property
    def edge(self) -> "EdgeApp":
        """Return the app with its own type."""
        return cast("EdgeApp", self.app)

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield Static(id="trouble", markup=False)
        yield Static(id="node", markup=False)
        yield TimelineStrip(id="strip")
        with Horizontal(id="body"):
            with Vertical(id="text-box"):
                yield ConsoleView(id="text")
            with VerticalScroll(id="timeline-box", can_focus=False):
                yield TimelineColumn(id="timeline")
        with Horizontal(id="search-bar"):
            yield Input(id="search", placeholder="text to search for; enter finds", compact=True)
            yield Static(id="found", markup=False)
        with Horizontal(id="status"):
            yield Static(id="following", markup=False)
            yield Static(id="record", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#timeline-box").border_title = "stages"
        self.set_interval(DRAW_S, self._draw_news)
        self.set_interval(1.0, self._draw)
        self._draw()
        if self._line:
            self._open(self._line)
        else:
            self.action_choose()

    def on_unmount(self) -> None:
        if self._reading:
            self._reading.halt()

    def on_resize(self) -> None:
        self._show_column()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        from tui.app import fault_line

        if event.state is not WorkerState.ERROR or not event.worker.error:
            return
        if event.worker.group == _READERS:
            self._board.take(Refused(reason=fault_line(event.worker.error)), 0.0)
            self._draw()
        else:
            self.edge.tell_fault(event.worker.error)

    @on(ConsoleView.Moved)
    def _show_place(self) -> None:
        self._draw_status()
        self._draw_keys()

    @on(Input.Changed, "#search")
    def _mark(self, event: Input.Changed) -> None:
        self._view.search(event.value)
        self._draw_status()

    @on(Input.Submitted, "#search")
    def _find(self) -> None:
        self._view.focus()
        self._view.go_to_match(-1)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def action_choose(self) -> None:
        from tui.screens.port import PortScreen

        line = await self.app.push_screen_wait(PortScreen(self.edge.consoles, self._line))
        if line is not None:
            self._open(line)
        elif self._line is None:
            self.dismiss()

    def action_pause(self) -> None:
        self._view.hold()

    def action_follow(self) -> None:
        self._view.follow()

    def action_search(self) -> None:
        self.set_class(True, "searching")
        self.query_one("#search", Input).focus()
        self.refresh_bindings()

    def action_match(self, step: int) -> None:
        self._view.go_to_match(step)

    def action_toggle_record(self) -> None:
        if self._reading:
            writes = self._board.recording.path is not None
            self._reading.record(None if writes else _log_path(self.edge.clock()))

    def action_toggle_timeline(self) -> None:
        self._column = not self.has_class("column")
        self._show_column()

    def action_back(self) -> None:
        if not self.has_class("searching"):
            self.dismiss()
            return
        self.set_class(False, "searching")
        self.query_one("#search", Input).value = ""
        self._view.focus()
        self.refresh_bindings()

    @work(exclusive=True, group="act", exit_on_error=False)
    async def action_apply(self) -> None:
        if not self._board.can_be_configured:
            return
        node, target = self._whom()
        pinned = bool(target.fingerprint)
        if await configure(self.edge, node, target, read_on_console=pinned):
            self.edge.meet(target.endpoints[0])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what there is something for."""
        searching = self.has_class("searching")
        # Asked also while the screen is only being built or taken down.
        following = all(each.following for each in self.query(ConsoleView))
        offered = {
            "apply": self._board.can_be_configured,
            "pause": following,
            "follow": not following,
            "match": searching,
            # Its place in the footer is taken by the next match, where lines are short.
            "toggle_timeline": not searching,
            "toggle_record": self._reading is not None,
        }
        return offered.get(action, super().check_action(action, parameters))

    def _open(self, line: Line) -> None:
        if self._reading:
            self._reading.halt()
        self._line, self._reading = line, Reading()
        self._board = WatchedBoard(line=line, link=Link.OPENING, name=line.port)
        self._view.restart()
        self._read(line, self._reading)
        self._draw()

    @work(thread=True, group=_READERS, exit_on_error=False)
    def _read(self, line: Line, reading: Reading) -> None:
        try:
            self.edge.consoles.follow(line, reading)
        except EdgeError as error:
            reading.tell(Refused(reason=error.message, hint=error.hint or ""))

    def _show_column(self) -> None:
        shown = self.size.width >= WIDE if self._column is None else self._column
        self.set_class(shown, "column")
        self.call_after_refresh(self._draw)

    def _draw_news(self) -> None:
        happened = self._reading.take() if self._reading else ()
        if not happened:
            return
        printed: list[str] = []
        tail = None
        now_s = self.edge.consoles.clock()
        for each in happened:
            self._board.take(each, now_s)
            if isinstance(each, Printed):
                printed += each.lines
                tail = each.tail
        if tail is not None:
            self._view.append(printed, tail)
        self._draw()

    def _draw(self) -> None:
        now_s = self.edge.consoles.clock()
        self._draw_title()
        self._draw_trouble(now_s)
        self._draw_node()
        self.query_one(TimelineColumn).show(self._board, now_s)
        self.query_one(TimelineStrip).show(self._board, now_s)
        self._draw_status()
        self._draw_keys()

    def _draw_keys(self) -> None:
        # The footer is built anew each time, which a flood of text leaves no time for.
        keys = (self._board.can_be_configured, self._view.following, self._reading is None)
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()

    def _draw_title(self) -> None:
        board, line = self._board, self._board.line
        chosen = line.board.title if line and line.board else ""
        machine = plain(board.facts.model) or chosen
        glyph, tone = _LINKS[board.link]
        speed = f"{line.baud} baud" if line and "://" not in line.port else ""
        self.query_one(TitleBar).show(
            self.edge.breadcrumb(f"console > {machine}" if machine else "console"),
            Cell(format_size(board.size_bytes) if board.size_bytes else "", Tone.FAINT),
            Cell(speed, Tone.FAINT),
            Cell(f"boot {board.boot}" if board.boot else ""),
            Cell(f"{glyph} {board.link}", tone),
        )

    def _draw_trouble(self, now_s: float) -> None:
        cells = trouble(self._board, now_s)
        self.set_class(bool(cells), "troubled")
        if cells:
            self.query_one("#trouble", Static).update(lines(*cells))

    def _draw_node(self) -> None:
        cells = who(self._board)
        self.set_class(bool(cells), "met")
        if cells:
            self.query_one("#node", Static).update(lines(*cells))

    def _draw_status(self) -> None:
        self.query_one("#following", Static).update(toned(self._place_cell()))
        self.query_one("#found", Static).update(toned(self._found_cell()))
        self.query_one("#record", Static).update(toned(self._record_cell()))

    def _place_cell(self) -> Cell:
        view = self._view
        if self._board.link is Link.CLOSED:
            return Cell("")
        if view.following:
            return Cell("following", Tone.FAINT)
        unseen = f", {view.unseen} lines since" if view.unseen else ""
        return Cell(f"▲ paused{unseen}", Tone.WAITING)

    def _found_cell(self) -> Cell:
        if not self.query_one("#search", Input).value:
            return Cell("")
        number, count = self._view.place
        return Cell(f"{number or '?'} of {count}", Tone.NOTE) if count else Cell("not found")

    def _record_cell(self) -> Cell:
        recording = self._board.recording
        if recording.fault:
            return Cell(f"✗ {recording.fault}", Tone.BAD)
        if recording.path:
            return Cell(f"● writing {recording.path}", Tone.GOOD)
        return Cell(self._board.name, Tone.FAINT)

    def _whom(self) -> tuple[Node, Target]:
        """Return the node that the console spoke of: by what it said, never by what mDNS says."""
        endpoints = tuple(map(_endpoint, self._board.reachable_addresses))
        node = Node(key=f"console/{endpoints[0]}", given=endpoints[0])
        pin = self._board.facts.fingerprint
        return node, Target(key=node.key, endpoints=endpoints, fingerprint=pin)

    @property
    def _view(self) -> ConsoleView:
        return self.query_one("#text", ConsoleView)


def _endpoint(address: str) -> str:
    return f"[{address}]:{API_PORT}" if ":" in address else f"{address}:{API_PORT}"


def _log_path(now: datetime) -> Path:
    return Path(f"console-{now.astimezone():%Y%m%d-%H%M%S}.log")
