# SPDX-License-Identifier: Apache-2.0
"""A check box that tells without colour whether it is ticked."""

from textual.widgets import Checkbox


class Tick(Checkbox):
    """`[x]` or `[ ]`."""

    BUTTON_LEFT = ""
    BUTTON_INNER = "[ ]"
    BUTTON_RIGHT = ""
    DEFAULT_CSS = """
    Tick > .toggle--button {
        color: $foreground;
        background: $surface;
    }
    """

    def watch_value(self) -> None:
        # Textual shows the same X always and only colours it.
        self.BUTTON_INNER = "[x]" if self.value else "[ ]"
        super().watch_value()
