# SPDX-License-Identifier: Apache-2.0
"""Lines of plain text out of what a board sends to a terminal."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_LINE_BYTES: Final = 4096
MAX_ESCAPE_BYTES: Final = 64

# What an interpreter written in Python can swallow at once: text without anything to obey.
_RUN: Final = re.compile(rb"[^\x00-\x1f\x7f]+")
_PROMPT_END: Final = re.compile(rb"[>:] ")
_OLDER: Final = 1
# Some terminals obey these as they obey escape sequences.
_C1: Final = dict.fromkeys(range(0x80, 0xA0), "\ufffd")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the console, and when its first character came."""

    text: str
    is_prompt: bool
    """It has not ended, but may be what waits for a key."""
    at_s: float


class ConsoleText:
    """Plain lines out of terminal output: escape sequences dropped, backspaces carried out.

    A carriage return or a cursor movement ends a line, because menus are painted by them.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._escape = bytearray()
        self._at_s = 0.0

    @property
    def unfinished(self) -> str:
        """Return the line so far that has not ended yet."""
        return _plain(self._line)

    @property
    def unfinished_at_s(self) -> float:
        """Return when the line began that has not ended yet."""
        return self._at_s

    def drop(self) -> None:
        """Forget the line so far, because somebody took it as `unfinished`."""
        self._line.clear()

    def feed(self, data: bytes, at_s: float = 0.0) -> Iterator[Line]:
        """Yield the lines that end in `data`, and the beginnings of lines that may be prompts."""
        place = 0
        while place < len(data):
            if not self._escape and (run := _RUN.match(data, place)):
                yield from self._append(run[0], at_s)
                place = run.end()
                continue
            yield from self._obey(data[place])
            place += 1

    def _append(self, run: bytes, at_s: float) -> Iterator[Line]:
        if not self._line:
            self._at_s = at_s
        before = len(self._line)
        self._line += run[: MAX_LINE_BYTES - before]
        for end in _PROMPT_END.finditer(self._line, max(0, before - _OLDER)):
            yield Line(_plain(self._line[: end.end()]), is_prompt=True, at_s=self._at_s)

    def _obey(self, byte: int) -> Iterator[Line]:
        if self._escape:
            if self._continues_escape(byte):
                return
            moved = self._moved_cursor()
            self._escape.clear()
            if moved:
                yield from self._finish()
        elif byte == 0x1B:
            self._escape.append(byte)
        elif byte in b"\r\n":
            yield from self._finish()
        elif byte == 0x08:
            del self._line[-1:]

    def _finish(self) -> Iterator[Line]:
        if self._line:
            yield Line(_plain(self._line), is_prompt=False, at_s=self._at_s)
            self._line.clear()

    def _continues_escape(self, byte: int) -> bool:
        """Take `byte` into the escape sequence; say whether more of it must follow."""
        self._escape.append(byte)
        if len(self._escape) > MAX_ESCAPE_BYTES:
            return False
        kind = self._escape[1]
        if kind == ord("["):
            return len(self._escape) == 2 or not 0x40 <= byte <= 0x7E
        if kind == ord("]"):
            return byte != 0x07 and not self._escape.endswith(b"\x1b\\")
        return 0x20 <= byte <= 0x2F

    def _moved_cursor(self) -> bool:
        return self._escape[1] == ord("[") and self._escape[-1] in b"ABEFHJdf"


def _plain(line: bytes | bytearray) -> str:
    return line.decode("utf-8", "replace").translate(_C1)
