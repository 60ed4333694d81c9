# SPDX-License-Identifier: Apache-2.0
"""Choosing the console to read: an adapter of this machine or one typed by hand, and its speed."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Footer, Input, OptionList, Select, Static
from textual.widgets.option_list import Option

from edge.errors import EdgeError
from edge.provision.console import Adapter
from tui.console import USUAL_BAUD, BoardConsole, ConsoleServices, Line
from tui.row import Cell, Tone
from tui.screens.apply import fault_text
from tui.screens.dialog import Dialog
from tui.widgets.tone import STYLES, lines

REFRESH_S: Final = 2.0
_LOOKING: Final = "looking for serial adapters…"
_NONE: Final = "no serial adapter is plugged in; one that you plug in now appears here"


class PortScreen(Dialog[Line]):
    """Lists adapters, anew every moment; the result is what to read and how fast."""

    CSS_PATH = Path(__file__).with_name("port.tcss")
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r", "refresh_list", "Refresh")]

    class Listed(Message):
        """These adapters and boards there are, or why they cannot be told."""

        def __init__(
            self, adapters: Sequence[Adapter], boards: Sequence[BoardConsole], fault: str = ""
        ) -> None:
            super().__init__()
            self.adapters = tuple(adapters)
            self.boards = tuple(boards)
            self.fault = fault

    def __init__(self, consoles: ConsoleServices, line: Line | None = None) -> None:
        super().__init__()
        self._consoles = consoles
        self._line = line or Line(port="")
        self._adapters: tuple[Adapter, ...] | None = None
        self._boards: tuple[BoardConsole, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide", id="port-box"):
            yield Static("Which serial console? Enter opens it, tab goes on.", markup=False)
            yield OptionList(id="adapters", compact=True)
            yield Static(_LOOKING, id="adapters-news", markup=False)
            with Horizontal(classes="field"):
                yield Static("by hand", classes="label")
                yield Input(
                    self._by_hand(),
                    id="port",
                    placeholder="device, socket://HOST:PORT or rfc2217://HOST:PORT",
                    compact=True,
                )
            with Horizontal(classes="field"):
                yield Static("board", classes="label")
                yield Select[str]([], id="board", compact=True, prompt="not told")
                yield Static("speed", classes="label")
                yield Input(str(self._line.baud), id="baud", type="integer", compact=True)
            yield Static(id="connect", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Open", id="open", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#adapters").display = False
        self._look()
        self.set_interval(REFRESH_S, self._look)

    def action_refresh_list(self) -> None:
        self.query_one("#adapters-news", Static).update(_LOOKING)
        self.query_one("#adapters-news").display = True
        self._look()

    @work(thread=True, exclusive=True, group="adapters", exit_on_error=False)
    def _look(self) -> None:
        try:
            boards = self._boards or self._consoles.boards()
            self.post_message(self.Listed(self._consoles.adapters(), boards))
        except EdgeError as error:
            self.post_message(self.Listed((), self._boards, fault_text(error)))

    @on(Listed)
    def _show(self, event: Listed) -> None:
        if event.boards and not self._boards:
            self._boards = event.boards
            self._offer_boards()
        news = event.fault or ("" if event.adapters else _NONE)
        self.query_one("#adapters-news", Static).update(lines(Cell(news, _tone(event.fault))))
        self.query_one("#adapters-news").display = bool(news)
        if event.adapters != self._adapters:
            self._offer(event.adapters)
        self.call_after_refresh(self._keep_in_sight)

    def _keep_in_sight(self) -> None:
        # Where the dialog does not fit, what is told above pushes the field out.
        if self.focused:
            self.focused.scroll_visible(animate=False)

    @on(OptionList.OptionSelected, "#adapters")
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self._finish(event.option.id or "")

    @on(Select.Changed, "#board")
    def _take_speed(self, event: Select.Changed) -> None:
        board = self._board(event.value)
        self.query_one("#connect", Static).update(_wires(board))
        if board:
            self.query_one("#baud", Input).value = str(board.baud)

    @on(Input.Submitted, "#port")
    @on(Input.Submitted, "#baud")
    @on(Button.Pressed, "#open")
    def _open(self) -> None:
        self._finish(self.query_one("#port", Input).value.strip() or self._highlighted())

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_cancel()

    def _finish(self, port: str) -> None:
        if not port:
            self.query_one("#port").focus()
            return
        board = self._board(self.query_one("#board", Select).value)
        typed = self.query_one("#baud", Input).value
        baud = int(typed) if typed.isdecimal() and int(typed) else USUAL_BAUD
        self.dismiss(Line(port=port, baud=baud, board=board))

    def _offer(self, adapters: tuple[Adapter, ...]) -> None:
        """Show adapters, with the cursor on the one that it was on."""
        first = self._adapters is None
        selected = self._highlighted() or self._line.port
        self._adapters = adapters
        choice = self.query_one("#adapters", OptionList)
        choice.clear_options()
        choice.add_options(Option(_label(each), id=each.device) for each in adapters)
        choice.display = bool(adapters)
        if adapters:
            devices = [each.device for each in adapters]
            choice.highlighted = devices.index(selected) if selected in devices else 0
        if adapters and first and self.focused in (None, self.query_one("#port")):
            choice.focus()
        elif self.focused is None:
            self.query_one("#port").focus()

    def _offer_boards(self) -> None:
        choice: Select[str] = self.query_one("#board", Select)
        with self.prevent(Select.Changed):
            choice.set_options((f"{each.title}", each.board) for each in self._boards)
            if self._line.board in self._boards:
                choice.value = self._line.board.board
        self.query_one("#connect", Static).update(_wires(self._board(choice.value)))

    def _highlighted(self) -> str:
        choice = self.query_one("#adapters", OptionList)
        if choice.highlighted is None or not choice.option_count:
            return ""
        return choice.get_option_at_index(choice.highlighted).id or ""

    def _board(self, name: object) -> BoardConsole | None:
        return next((each for each in self._boards if each.board == name), None)

    def _by_hand(self) -> str:
        # A device is found again in the list; what was typed has to be kept here.
        return self._line.port if "://" in self._line.port else ""


def _label(adapter: Adapter) -> Text:
    """Return its name, and below it the path that tells it from another of its kind."""
    # Where the system knows nothing about a port, its driver says "n/a".
    text = Text("serial port" if adapter.name in ("", "n/a") else adapter.name)
    text.append(f"  {adapter.port.removeprefix('/dev/')}", style=STYLES[Tone.NOTE])
    if adapter.device != adapter.port:
        text.append(f"\n  {adapter.device}", style=STYLES[Tone.FAINT])
    return text


def _wires(board: BoardConsole | None) -> Text:
    return Text(board.connect if board else "", style="dim")


def _tone(fault: str) -> Tone:
    return Tone.BAD if fault else Tone.FAINT
