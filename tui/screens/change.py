# SPDX-License-Identifier: Apache-2.0
"""The last look before a configuration is sent: to whom, what changes; then how it went."""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Footer, Static

from edge.client.model import Applied
from edge.errors import EdgeError
from tui.model import Node
from tui.row import Cell, Tone
from tui.screens.apply import fault_text
from tui.screens.dialog import Dialog
from tui.services import Change, NodeServices, Target
from tui.text import plain
from tui.widgets.tick import Tick
from tui.widgets.tone import STYLES, lines


class ChangeScreen(Dialog[bool]):
    """Shows node, verdict and difference; sends on confirmation and shows the result."""

    AUTO_FOCUS = "#diff-box"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "agree", "Apply")]

    def __init__(
        self,
        services: NodeServices,
        node: Node,
        target: Target,
        change: Change,
        *,
        read_on_console: bool = False,
    ) -> None:
        super().__init__()
        self._services = services
        self._node = node
        self._target = target
        self._change = change
        self._read_on_console = read_on_console
        self._done = False
        self._applying = False

    def compose(self) -> ComposeResult:
        change = self._change
        with Vertical(classes="dialog wide tall"):
            yield Static(f"Apply {change.candidate.path} to {self._node.label}", markup=False)
            yield Static(lines(*verdict(change, self._read_on_console)), id="verdict")
            with VerticalScroll(id="diff-box"):
                yield Static(diff_text(change.diff), id="diff")
                yield Static(lines(*warnings(change.candidate.warnings)), id="warnings")
            if self._must_be_compared():
                yield Tick(
                    "The fingerprint on its console is the same", id="compared", compact=True
                )
            yield Static(id="outcome", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(
                    "Apply", id="apply", variant="warning", disabled=self._is_barred(), compact=True
                )
                yield Button("Cancel", id="cancel", compact=True)
        yield Footer(show_command_palette=False)

    @on(Tick.Changed, "#compared")
    def _allow(self) -> None:
        self.query_one("#apply", Button).disabled = self._is_barred()
        self.refresh_bindings()

    @on(Button.Pressed, "#apply")
    def _press(self) -> None:
        self.action_agree()

    @on(Button.Pressed, "#cancel")
    def _leave(self) -> None:
        self.action_cancel()

    def action_agree(self) -> None:
        self._set_applying(True)
        self._say(lines(Cell("applying…", Tone.FAINT)))
        self._apply()

    def action_cancel(self) -> None:
        # Leaving would cut the call off, and nobody would know how it ended.
        if not self._applying:
            self.dismiss(self._done)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to apply only what may be applied."""
        if action == "agree":
            return not (self._done or self._applying or self._is_barred())
        return super().check_action(action, parameters)

    @work(exclusive=True, group="apply", exit_on_error=False)
    async def _apply(self) -> None:
        try:
            applied = await self._services.apply(self._target, self._change)
        except EdgeError as error:
            self._set_applying(False)
            self._say(lines(Cell(fault_text(error), Tone.BAD)))
        else:
            self._set_applying(False)
            self._finish(applied)

    def _finish(self, applied: Applied) -> None:
        self._done = True
        done = Cell(f"● {plain(applied.details)}", Tone.GOOD)
        self._say(lines(done, *warnings(applied.warnings)))
        self.query_one("#apply", Button).display = False
        close = self.query_one("#cancel", Button)
        close.label = "Close"
        close.focus()
        self.refresh_bindings()

    def _set_applying(self, applying: bool) -> None:
        self._applying = applying
        self.query_one("#apply", Button).disabled = applying
        self.query_one("#cancel", Button).disabled = applying
        self.refresh_bindings()

    def _say(self, text: Text) -> None:
        self.query_one("#outcome", Static).update(text)

    def _is_barred(self) -> bool:
        if not self._change.diff:
            return True
        compared = self.query("#compared")
        if not self._must_be_compared():
            return False
        return not (compared and compared.only_one(Tick).value)

    def _must_be_compared(self) -> bool:
        return self._change.is_stranger and not self._read_on_console


def verdict(change: Change, read_on_console: bool = False) -> list[Cell]:
    """Say who the node is, and whether the file is worth a warning."""
    identity = change.identity
    if not change.maintenance:
        who = Cell("● a configured node of your cluster, proven by its certificate", Tone.GOOD)
    elif identity.card:
        who = Cell(f"● this is the card you flashed (card {identity.card})", Tone.GOOD)
    elif read_on_console:
        who = Cell(
            f"● the node of this console: its key has the fingerprint that it printed\n"
            f"  {identity.fingerprint}",
            Tone.GOOD,
        )
    else:
        who = Cell(
            f"▲ stranger: fingerprint {identity.fingerprint}\n"
            "  no card with this key was flashed here; compare it with the node's console",
            Tone.WAITING,
        )
    count = len(change.candidate.warnings)
    below = f"▲ {count} warning{'s' if count > 1 else ''} below the difference"
    return [who, Cell(below, Tone.FAINT)] if count else [who]


def warnings(texts: Iterable[str]) -> list[Cell]:
    """Return warnings as lines."""
    return [Cell(f"▲ {plain(text)}", Tone.WAITING) for text in texts]


def diff_text(diff: str) -> Text:
    """Return a unified diff with its signs also told by colour."""
    if not diff:
        return Text("nothing changes: the node has this configuration already", style="dim")
    text = Text(no_wrap=True)
    for line in diff.splitlines():
        text.append(f"{line}\n", style=_diff_style(line))
    return text


def _diff_style(line: str) -> str:
    if line.startswith(("---", "+++", "@@")):
        return STYLES[Tone.FAINT]
    return {"+": STYLES[Tone.GOOD], "-": "red"}.get(line[:1], "")
