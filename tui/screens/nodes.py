# SPDX-License-Identifier: Apache-2.0
"""All nodes: found by mDNS and named by the user, with the reason where one cannot be asked."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.widgets import DataTable, Footer, Input, Static

from tui.model import Node, State
from tui.row import Cell, Row, Tone, columns_for, matches, row_of
from tui.screens.node_screen import NodeScreen
from tui.widgets.node_table import NodeTable
from tui.widgets.title_bar import TitleBar
from tui.widgets.tone import lines


class NodesScreen(NodeScreen):
    """A table of nodes, a filter, and a line about the selected one."""

    CSS_PATH = Path(__file__).with_name("nodes.tcss")
    AUTO_FOCUS = "#nodes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "open_log", "Logs"),
        Binding("c", "open_console", "Console"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("x", "forget", "Forget"),
        Binding("escape", "show_all", "Show all"),
    ]

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield Input(id="filter", placeholder="text in any column; !text for rows without it")
        yield NodeTable(id="nodes")
        yield Static(id="empty", markup=False)
        yield Static(id="about", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.redraw()

    def on_resize(self, _event: Resize) -> None:
        self.redraw()

    @on(DataTable.RowHighlighted)
    def _show_other(self) -> None:
        self._show_about()
        self.refresh_bindings()

    @on(DataTable.RowSelected)
    def _open(self, event: DataTable.RowSelected) -> None:
        if event.row_key.value:
            self.edge.open_detail(event.row_key.value, self._table.keys)

    @on(Input.Changed, "#filter")
    def _filter(self) -> None:
        self.redraw()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self._table.focus()

    def action_open_log(self) -> None:
        if key := self._table.selected_key:
            self.edge.open_detail(key, self._table.keys, log_only=True)

    def action_open_console(self) -> None:
        self.edge.open_console()

    def action_filter(self) -> None:
        self.set_class(True, "filtering")
        self.query_one("#filter", Input).focus()
        self.refresh_bindings()

    def action_forget(self) -> None:
        if key := self._table.selected_key:
            self.edge.forget(key)

    def action_show_all(self) -> None:
        self.set_class(False, "filtering")
        self.query_one("#filter", Input).value = ""
        self._table.focus()
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to end the filter while there is one."""
        if action == "show_all":
            return self.has_class("filtering")
        return super().check_action(action, parameters)

    def selected(self) -> Node | None:
        """Return the node under the cursor."""
        return self.edge.fleet.nodes.get(self._table.selected_key or "")

    def show_nodes(self) -> None:
        """Draw what is known now, where it differs from what is drawn."""
        now = self.edge.clock()
        rows = {key: row_of(node, now) for key, node in self.edge.fleet.nodes.items()}
        query = self.query_one("#filter", Input).value
        shown = {key: row for key, row in rows.items() if matches(row, query)}
        self._table.show(shown, columns_for(self.size.width))
        self._show_title(rows, shown, query)
        self._show_empty(rows, shown)
        self._show_about()
        self.refresh_bindings()

    @property
    def _table(self) -> NodeTable:
        return self.query_one("#nodes", NodeTable)

    def _show_title(self, rows: dict[str, Row], shown: dict[str, Row], query: str) -> None:
        fleet = self.edge.fleet
        total = f"{len(rows)} node" + ("s" if len(rows) != 1 else "")
        counts = Cell(f"{len(shown)} of {total} match" if query else total)
        waiting, lost = fleet.count(State.MAINTENANCE), fleet.count(State.UNREACHABLE)
        self.query_one(TitleBar).show(
            self.edge.breadcrumb("nodes"),
            counts,
            Cell(f"{waiting} in maintenance" if waiting else "", Tone.WAITING),
            Cell(f"{lost} unreachable" if lost else "", Tone.BAD),
            self.edge.listening_cell(),
        )

    def _show_empty(self, rows: dict[str, Row], shown: dict[str, Row]) -> None:
        self.set_class(not shown, "empty")
        if not shown:
            hint = _NO_MATCH if rows else f"{self.edge.listening_text()}\n\n{_NO_NODES}"
            self.query_one("#empty", Static).update(Text(hint, justify="center"))

    def _show_about(self) -> None:
        node = self.selected()
        self.query_one("#about", Static).update(lines(*_about(node)) if node else "")


_NO_MATCH = "no node matches; esc shows all"
_NO_NODES = (
    "flash a card and boot a board with it: edgectl flash\n"
    "watch a board boot on its serial console: press c\n"
    "or start virtual ones: edgectl lab up\n"
    "where multicast does not pass: edgectl tui --nodes ADDRESS"
)


def _about(node: Node) -> list[Cell]:
    """Return up to two lines: the reason of a failure and what to do, or who the node is."""
    if node.failure:
        tone = Tone.NOTE if node.failure.refused else Tone.BAD
        return [Cell(node.failure.reason, tone), Cell(node.failure.hint, Tone.FAINT)]
    if node.report and node.report.unmet:
        return [Cell(each, Tone.WAITING) for each in node.report.unmet[:2]]
    record = node.record
    where = f"{node.endpoint} on {record.interface}" if record else node.endpoint
    return [Cell(where), Cell(_who(node), Tone.FAINT)]


def _who(node: Node) -> str:
    identity = node.identity
    if identity is None:
        return "not asked yet"
    card = f"card {identity.card}, " if identity.card else "no card flashed here, "
    return f"{card}fingerprint {identity.fingerprint}"
