# SPDX-License-Identifier: Apache-2.0
"""The text of a console: so many lines back, wrapped, following its end, with a search."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import chop_cells
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.text import plain

KEPT_LINES: Final = 5000
_MATCH: Final = "reverse"
_HERE: Final = "bold reverse yellow"


@dataclass(frozen=True, slots=True)
class _Row:
    """A part of a line that fits the width; `number` counts lines from the first that came."""

    number: int
    start: int
    text: str


class ConsoleView(ScrollView, can_focus=True):
    """Follows while it is at its end; scrolling up holds it, scrolling to the end lets it go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    class Moved(Message):
        """It follows now and did not, or the other way round; or another match is shown."""

    def __init__(self, *, id: str, kept: int = KEPT_LINES) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._kept = kept
        self._lines: deque[str] = deque()
        self._tail = ""
        self._dropped = 0
        """Lines that were there once; line numbers count them too, so that they stay true."""
        self._rows: deque[_Row] = deque()
        self._tail_rows: list[_Row] = []
        self._width = 0
        self._held_at: int | None = None
        self._query = ""
        self._match: int | None = None

    @property
    def following(self) -> bool:
        """Say whether new text is scrolled to."""
        return self._held_at is None

    @property
    def unseen(self) -> int:
        """Return how many lines came since it was held."""
        return 0 if self._held_at is None else self._end - self._held_at

    @property
    def place(self) -> tuple[int, int]:
        """Return which match is shown, from 1, or 0, and how many lines match."""
        found = self._matches()
        return (found.index(self._match) + 1 if self._match in found else 0, len(found))

    def append(self, lines: Sequence[str], tail: str) -> None:
        """Add lines at the end, and show `tail` after them, which is not finished."""
        for line in map(plain, lines):
            self._rows.extend(self._wrap(self._end, line))
            self._lines.append(line)
        self._tail = plain(tail)
        self._tail_rows = list(self._wrap(self._end, self._tail)) if self._tail else []
        self._settle(dropped_rows=self._drop_surplus())

    def restart(self) -> None:
        """Forget what was shown."""
        self._lines.clear()
        self._rows.clear()
        self._tail_rows.clear()
        self._dropped, self._tail, self._match = 0, "", None
        self._held_at = None
        self._settle()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self._held_at = None
        self._settle()
        self.post_message(self.Moved())

    def hold(self) -> None:
        """Stay at what is shown now."""
        if self._held_at is None:
            self._held_at = self._end
            self.post_message(self.Moved())

    def search(self, query: str) -> None:
        """Mark every part that is like `query`, whatever its case; nothing ends the search."""
        self._query, self._match = query.lower(), None
        self.refresh()

    def go_to_match(self, step: int) -> None:
        """Show the match before (-1) or after (1) the one that is shown; begin with the last."""
        if not (found := self._matches()):
            return
        at = found.index(self._match) + step if self._match in found else -1
        self._match = found[at % len(found)]
        self.hold()
        self._show_line(self._match)
        self.refresh()
        self.post_message(self.Moved())

    def action_scroll_home(self) -> None:
        self.hold()
        self.scroll_to(y=0, animate=False, force=True)

    def action_scroll_end(self) -> None:
        self.follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and not self.is_vertical_scroll_end:
            self.hold()
        elif new_value > old_value and self.is_vertical_scroll_end and not self.following:
            self.follow()

    def on_resize(self) -> None:
        top = self._row_at(self.scroll_offset.y)
        if self._room.width != self._width:
            self._width = self._room.width
            numbered = enumerate(self._lines, self._dropped)
            self._rows = deque(row for each in numbered for row in self._wrap(*each))
            self._tail_rows = list(self._wrap(self._end, self._tail)) if self._tail else []
        self._settle()
        if top and not self.following:
            self._show_line(top.number)

    def render_line(self, y: int) -> Strip:
        style = self.rich_style
        if (row := self._row_at(self.scroll_offset.y + y)) is None:
            return Strip.blank(self._room.width, style)
        text = Text(row.text, no_wrap=True, end="")
        for start in self._places(row):
            here = row.number == self._match
            text.stylize(_HERE if here else _MATCH, max(start, 0), start + len(self._query))
        strip = Strip(text.render(self.app.console)).apply_style(style)
        return strip.crop_extend(0, self._room.width, style)

    @property
    def _room(self) -> Size:
        return self.scrollable_content_region.size

    @property
    def _end(self) -> int:
        return self._dropped + len(self._lines)

    def _wrap(self, number: int, line: str) -> Iterator[_Row]:
        start = 0
        parts = chop_cells(line, self._width) if self._width and line else [line]
        for part in parts:
            yield _Row(number, start, part)
            start += len(part)

    def _drop_surplus(self) -> int:
        """Forget the oldest lines that are too many; return how many rows they had."""
        before = len(self._rows)
        while len(self._lines) > self._kept:
            self._lines.popleft()
            self._dropped += 1
        while self._rows and self._rows[0].number < self._dropped:
            self._rows.popleft()
        return before - len(self._rows)

    def _settle(self, *, dropped_rows: int = 0) -> None:
        """Have the scroll bar know what there is, and show the end, or what was shown."""
        self.virtual_size = Size(self._width, len(self._rows) + len(self._tail_rows))
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        elif dropped_rows:
            self.scroll_to(y=max(self.scroll_y - dropped_rows, 0), animate=False, force=True)
        self.refresh()

    def _show_line(self, number: int) -> None:
        rows = enumerate(self._rows)
        y = next((at for at, row in rows if row.number == number), 0)
        if not self.scroll_y <= y < self.scroll_y + self._room.height:
            self.scroll_to(y=max(y - self._room.height // 2, 0), animate=False, force=True)

    def _row_at(self, y: int) -> _Row | None:
        if y < len(self._rows):
            return self._rows[y]
        below = y - len(self._rows)
        return self._tail_rows[below] if below < len(self._tail_rows) else None

    def _matches(self) -> list[int]:
        if not self._query:
            return []
        numbered = enumerate(self._lines, self._dropped)
        return [number for number, line in numbered if self._query in line.lower()]

    def _places(self, row: _Row) -> Iterator[int]:
        """Yield where in a row the query begins; before it where the line was wrapped inside."""
        if not self._query:
            return
        at = row.number - self._dropped
        line = (self._lines[at] if at < len(self._lines) else self._tail).lower()
        found = line.find(self._query, max(row.start - len(self._query) + 1, 0))
        while 0 <= found < row.start + len(row.text):
            yield found - row.start
            found = line.find(self._query, found + len(self._query))
