# SPDX-License-Identifier: Apache-2.0
"""One node, live: machine, use of processor and memory, services, and the tail of a log."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import Resize
from textual.widgets import Footer, Log

from edge.errors import EdgeError
from tui.feed import LOG_RETRY_S, follow
from tui.messages import LogBroke, LogLines, LogNames, LogStarted
from tui.model import Node
from tui.row import Cell, Tone, state_cell
from tui.screens.node_screen import NodeScreen
from tui.widgets.facts import MachinePanel, ServicePanel, UsagePanel
from tui.widgets.log_tail import LogTail
from tui.widgets.title_bar import TitleBar

_FIRST_LOG = "machined"


class DetailScreen(NodeScreen):
    """Looks closely at one of several nodes; left and right change to its neighbours."""

    CSS_PATH = Path(__file__).with_name("detail.tcss")
    AUTO_FOCUS = "#log-lines"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "toggle_log", "Log"),
        Binding("s", "next_log", "Next log"),
        Binding("left", "neighbour(-1)", "Prev", priority=True),
        Binding("right", "neighbour(1)", "Next", priority=True),
        Binding("escape", "back", "Back"),
    ]

    def __init__(self, key: str, keys: Sequence[str], *, log_only: bool = False) -> None:
        super().__init__()
        self._key = key
        self._keys = tuple(keys)
        self._wanted_log = self._log_name = _FIRST_LOG
        self._broken = ""
        """Why the log cannot be followed now."""
        self.set_class(log_only, "log-only")

    def compose(self) -> ComposeResult:
        yield TitleBar()
        with Horizontal(id="panels"):
            with VerticalScroll(id="machine-box", can_focus=False):
                yield MachinePanel(id="machine")
            yield UsagePanel(id="usage")
        with VerticalScroll(id="service-box", can_focus=False):
            yield ServicePanel(id="services")
        yield LogTail(id="log")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#machine-box").border_title = "machine"
        self.query_one("#usage").border_title = "usage"
        self.query_one("#service-box").border_title = "services"
        self._enter()

    def on_unmount(self) -> None:
        self.edge.look(self._key, close=False)

    def on_resize(self, _event: Resize) -> None:
        self.call_after_refresh(self.redraw)

    @on(LogNames)
    def _offer_logs(self, event: LogNames) -> None:
        self._tail.offer(event.names, self._log_name)

    @on(LogStarted)
    def _restart_log(self) -> None:
        self._broken = ""
        self._tail.restart()

    @on(LogLines)
    def _append(self, event: LogLines) -> None:
        if event.log == self._log_name:
            self._tail.append(event.lines)

    @on(LogBroke)
    def _say_broken(self, event: LogBroke) -> None:
        self._broken = event.reason
        self.redraw()

    @on(LogTail.Chosen)
    def _change_log(self, event: LogTail.Chosen) -> None:
        self._wanted_log = self._log_name = event.log
        self._tail.restart()
        self._follow()
        self.query_one("#log-lines", Log).focus()

    def action_toggle_log(self) -> None:
        self.toggle_class("log-only")
        self.redraw()

    def action_next_log(self) -> None:
        self._tail.choose_next()

    def action_neighbour(self, step: int) -> None:
        known = [key for key in self._keys if key in self.edge.fleet.nodes]
        if self._key not in known or len(known) < 2:
            return
        self.edge.look(self._key, close=False)
        self._key = known[(known.index(self._key) + step) % len(known)]
        self._broken = ""
        self._tail.restart()
        self._enter()

    def action_back(self) -> None:
        self.edge.leave_detail()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer neighbours only where there are some."""
        if action == "neighbour":
            return len(self._keys) > 1
        return super().check_action(action, parameters)

    def selected(self) -> Node | None:
        """Return the node that is shown."""
        return self.edge.fleet.nodes.get(self._key)

    def show_nodes(self) -> None:
        """Draw what is known of the node now."""
        node = self.selected()
        if node is None:
            return
        self._show_title(node)
        now = self.edge.clock()
        self.query_one(MachinePanel).show(node, now)
        self.query_one(UsagePanel).show(node, now)
        detail = node.report.detail if node.report else None
        self.query_one(ServicePanel).show(detail.services if detail else ())
        self._show_broken(node)
        self.refresh_bindings()

    def _show_broken(self, node: Node) -> None:
        if not self._broken:
            return
        # What keeps the log away is mostly what keeps everything away, and told there already.
        is_told = node.failure is not None and not self.has_class("log-only")
        self._tail.remark("✗ cannot be read: see above" if is_told else f"✗ {self._broken}")

    def _show_title(self, node: Node) -> None:
        where = f"{self._keys.index(self._key) + 1} of {len(self._keys)}"
        self.query_one(TitleBar).show(
            self.edge.breadcrumb(node.label),
            Cell(where if len(self._keys) > 1 else "", Tone.FAINT),
            state_cell(node),
        )

    @property
    def _tail(self) -> LogTail:
        return self.query_one(LogTail)

    def _enter(self) -> None:
        self.edge.look(self._key, close=True)
        self.redraw()
        self._follow()

    @work(exclusive=True, group="log", exit_on_error=False)
    async def _follow(self) -> None:
        """Follow the chosen log, also across restarts of the node and its change of mode."""
        services, key = self.edge.services, self._key
        while target := self.edge.fleet.target(key):
            try:
                names = await services.log_names(target)
            except EdgeError as error:
                self.post_message(LogBroke(log=self._log_name, reason=error.message))
                await asyncio.sleep(LOG_RETRY_S)
                continue
            self._log_name = self._wanted_log if self._wanted_log in names else names[0]
            self.post_message(LogNames(names=names))
            await follow(services, target, self._log_name, self.post_message)
