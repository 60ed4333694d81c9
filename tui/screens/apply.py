# SPDX-License-Identifier: Apache-2.0
"""Choosing the configuration file for a node; every fault in it is shown in place."""

from pathlib import Path
from typing import Final

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Footer, Input, Static

from edge.errors import ConfigError, EdgeError
from tui.model import Node
from tui.row import Cell, Tone
from tui.screens.dialog import Dialog
from tui.services import Change, NodeServices, Target
from tui.widgets.tone import lines

_USUAL: Final = ("controlplane.yaml", "worker.yaml", "_out/controlplane.yaml", "_out/worker.yaml")


class ApplyScreen(Dialog[Change]):
    """Asks for a path, checks the file, asks the node; the result is what would change."""

    def __init__(self, services: NodeServices, node: Node, target: Target) -> None:
        super().__init__()
        self._services = services
        self._node = node
        self._target = target

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Static(f"Apply a configuration to {self._node.label}", markup=False)
            yield Input(
                usual_path(Path()),
                id="path",
                placeholder="path of a configuration file",
                compact=True,
            )
            with VerticalScroll(id="faults", can_focus=False):
                yield Static(id="fault-text", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Check and compare", id="check", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)
        yield Footer(show_command_palette=False)

    @on(Input.Submitted, "#path")
    @on(Button.Pressed, "#check")
    def _check(self) -> None:
        value = self.query_one("#path", Input).value.strip()
        if value:
            self._say(Cell("checking the file and asking the node…", Tone.FAINT))
            self._compare(Path(value).expanduser())

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_cancel()

    @work(exclusive=True, group="compare", exit_on_error=False)
    async def _compare(self, path: Path) -> None:
        try:
            candidate = await self._services.check(path)
            change = await self._services.compare(self._target, candidate)
        except EdgeError as error:
            self._say(Cell(fault_text(error), Tone.BAD))
        else:
            self.dismiss(change)

    def _say(self, cell: Cell) -> None:
        self.query_one("#fault-text", Static).update(lines(cell))


def usual_path(folder: Path) -> str:
    """Return the file below `folder` that is most likely meant."""
    return next((name for name in _USUAL if (folder / name).exists()), _USUAL[0])


def fault_text(error: EdgeError) -> str:
    """Return an error with all its faults and its hint, a line each."""
    faults = error.faults if isinstance(error, ConfigError) else ()
    hint = (f"hint: {error.hint}",) if error.hint else ()
    return "\n".join((f"✗ {error.message}", *(f"  {fault}" for fault in faults), *hint))
