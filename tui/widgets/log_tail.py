# SPDX-License-Identifier: Apache-2.0
"""A log that grows at its end, and the choice among a node's logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Log, Select, Static

KEPT_LINES: Final = 5000


class FollowedLog(Log):
    """A log that stays at its end when the screen around it changes."""

    _at_end = True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._at_end = self.is_vertical_scroll_end

    def on_resize(self) -> None:
        # A smaller view of the same lines would end above the last one, and no longer follow.
        if self._at_end:
            self.scroll_end(animate=False)


class LogTail(Vertical):
    """Follows while scrolled to its end; scrolling up holds it."""

    @dataclass
    class Chosen(Message):
        """Another log shall be shown."""

        log: str

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._names: tuple[str, ...] = ()
        self.log_name = ""

    def compose(self) -> ComposeResult:
        with Horizontal(id="log-head"):
            yield Static("LOG", id="log-label", markup=False)
            yield Select[str]([], id="log-choice", compact=True, prompt="none")
            yield Static(id="log-state", markup=False)
        yield FollowedLog(id="log-lines", max_lines=KEPT_LINES)

    @on(Select.Changed, "#log-choice")
    def _choose(self, event: Select.Changed) -> None:
        event.stop()
        if isinstance(event.value, str) and event.value != self.log_name:
            self.log_name = event.value
            self.post_message(self.Chosen(log=event.value))

    def offer(self, names: Sequence[str], chosen: str) -> None:
        """Offer the logs `names`; `chosen` is being shown."""
        self.log_name = chosen
        choice: Select[str] = self.query_one("#log-choice", Select)
        with self.prevent(Select.Changed):
            if tuple(names) != self._names:
                choice.set_options((name, name) for name in names)
                self._names = tuple(names)
            choice.value = chosen

    def choose_next(self) -> None:
        """Choose the log after the present one."""
        if self._names:
            at = self._names.index(self.log_name) if self.log_name in self._names else -1
            self.query_one("#log-choice", Select).value = self._names[(at + 1) % len(self._names)]

    def restart(self) -> None:
        """Forget what was shown."""
        self._lines().clear()
        self.remark("")

    def append(self, lines: Sequence[str]) -> None:
        """Add lines at the end."""
        self._lines().write_lines(lines)

    def remark(self, text: str) -> None:
        """Say something about the log beside its name."""
        self.query_one("#log-state", Static).update(text)

    def _lines(self) -> FollowedLog:
        return self.query_one("#log-lines", FollowedLog)
