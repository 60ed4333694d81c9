# SPDX-License-Identifier: Apache-2.0
"""What dialogs share: a box in the middle that grows with what is in it, and esc to leave."""

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.worker import Worker, WorkerState

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A modal screen that esc dismisses without a result."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Back"),
    ]

    def action_cancel(self) -> None:
        self.dismiss(None)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            from tui.app import EdgeApp

            assert isinstance(self.app, EdgeApp)
            self.app.tell_fault(event.worker.error)
