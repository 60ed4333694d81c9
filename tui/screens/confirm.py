# SPDX-License-Identifier: Apache-2.0
"""A question before something is done; where it destroys, the node's name has to be typed."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Footer, Input, Static

from tui.screens.dialog import Dialog


class ConfirmScreen(Dialog[bool]):
    """Asks; the result is true only when the user agreed."""

    AUTO_FOCUS = "#word, #cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Yes"),
        Binding("n,escape", "cancel", "No"),
    ]

    def __init__(self, question: str, verb: str, *, word: str = "") -> None:
        super().__init__()
        self._question = question
        self._verb = verb
        self._word = word

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False, classes="question")
            if self._word:
                yield Static(f"Type {self._word} to confirm:", markup=False)
                yield Input(id="word", compact=True)
            with Horizontal(classes="buttons"):
                yield Button(
                    self._verb, id="agree", variant="error", disabled=bool(self._word), compact=True
                )
                yield Button("Cancel", id="cancel", compact=True)
        yield Footer(show_command_palette=False)

    @on(Input.Changed, "#word")
    def _compare(self, event: Input.Changed) -> None:
        self.query_one("#agree", Button).disabled = event.value.strip() != self._word

    @on(Input.Submitted, "#word")
    @on(Button.Pressed, "#agree")
    def _agree(self) -> None:
        self.action_agree()

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_cancel()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no short cut past a name that has to be typed."""
        if action == "agree" and self._word:
            return False
        return super().check_action(action, parameters)

    def action_agree(self) -> None:
        if not self.query_one("#agree", Button).disabled:
            self.dismiss(True)
