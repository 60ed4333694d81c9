# SPDX-License-Identifier: Apache-2.0
"""The table of nodes: it is told which rows there should be and touches only what differs."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from tui.row import Changes, Column, Row, changes
from tui.widgets.tone import toned

# Longer ones are parts of identifiers, not counts.
_COUNT = re.compile(r"(?<!\d)(\d{1,4})$")


class NodeTable(DataTable[Text]):
    """Nodes, one a row; the key of a row is the key of its node."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open"),
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("g", "scroll_top", show=False),
        Binding("G", "scroll_bottom", show=False),
    ]

    def __init__(self, **options: Any) -> None:
        super().__init__(cursor_type="row", cell_padding=1, **options)
        self._shown: dict[str, Row] = {}
        self._columns_shown: tuple[Column, ...] = ()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the detail only where there is a node."""
        if action == "select_cursor":
            return self.row_count > 0
        return super().check_action(action, parameters)

    @property
    def selected_key(self) -> str | None:
        """Return the key of the row under the cursor."""
        if not self.row_count:
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of all rows, from top to bottom."""
        return tuple(str(row.key.value) for row in self.ordered_rows)

    def show(self, rows: Mapping[str, Row], columns: tuple[Column, ...]) -> None:
        """Have the table hold `rows`, with the cursor on the node that it was on."""
        selected = self.selected_key
        with self.app.batch_update():
            if columns != self._columns_shown:
                self._rebuild(columns)
            difference = changes(self._shown, rows)
            self._change(rows, difference)
            self._shown = dict(rows)
            if difference.added or any(key == "name" for _, key, _ in difference.updated):
                self.sort("name", "address", key=_natural)
            self._return_to(selected)

    def _rebuild(self, columns: tuple[Column, ...]) -> None:
        # Only when the terminal's width changes: then every cell changes too.
        self.clear(columns=True)
        self._shown = {}
        for column in columns:
            self.add_column(column.title, key=column.key, width=column.width)
        self._columns_shown = columns

    def _change(self, rows: Mapping[str, Row], difference: Changes) -> None:
        names = [column.key for column in self._columns_shown]
        for key in difference.removed:
            self.remove_row(key)
        for key in difference.added:
            self.add_row(*(toned(rows[key][name]) for name in names), key=key)
        for key, name, cell in difference.updated:
            if name in names:
                self.update_cell(key, name, toned(cell))

    def _return_to(self, key: str | None) -> None:
        if key in self._shown and key != self.selected_key:
            self.move_cursor(row=self.get_row_index(key), animate=False)


def _natural(cells: tuple[Text, Text]) -> list[list[tuple[int, str]]]:
    """Order node-2 before node-10."""
    return [
        [(int(part), "") if part.isdigit() else (-1, part) for part in _COUNT.split(cell.plain)]
        for cell in cells
    ]
