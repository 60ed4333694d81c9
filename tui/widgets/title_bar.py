# SPDX-License-Identifier: Apache-2.0
"""The line at the top: where one is on the left, what matters about it on the right."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from tui.row import Cell
from tui.widgets.tone import toned


class TitleBar(Horizontal):
    """A breadcrumb and a few words."""

    def compose(self) -> ComposeResult:
        yield Static(id="crumbs", markup=False)
        yield Static(id="news", markup=False)

    def show(self, crumbs: str, *news: Cell) -> None:
        """Show a breadcrumb and remarks."""
        self.query_one("#crumbs", Static).update(Text(crumbs, no_wrap=True, overflow="ellipsis"))
        remarks = Text(" · ", style="dim").join(toned(each) for each in news if each.text)
        self.query_one("#news", Static).update(remarks)
