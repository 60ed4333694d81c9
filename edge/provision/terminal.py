# SPDX-License-Identifier: Apache-2.0
"""Lines of plain text out of what a board sends to a terminal."""

import re
from collections.abc import Iterator
from typing import Final

MAX_LINE_BYTES: Final = 1024
MAX_ESCAPE_BYTES: Final = 64

# What Linux puts before a message of its log.
_TIME_STAMP = re.compile(r"^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?")


class ConsoleText:
    """Plain lines out of terminal output: escape sequences dropped, backspaces carried out.

    A carriage return or a cursor movement ends a line, because menus are painted by them.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._escape = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bool]]:
        """Yield (line, False) for finished lines and (text, True) where a prompt may be."""
        for byte in data:
            if self._escape:
                if self._continues_escape(byte):
                    continue
                if not self._moved_cursor():
                    self._escape.clear()
                    continue
                self._escape.clear()
                yield from self._finish()
            elif byte == 0x1B:
                self._escape.append(byte)
            elif byte in b"\r\n":
                yield from self._finish()
            elif byte == 0x08:
                del self._line[-1:]
            elif byte >= 0x20 and byte != 0x7F and len(self._line) < MAX_LINE_BYTES:
                self._line.append(byte)
                if byte == 0x20 and self._line.endswith((b"> ", b": ")):
                    yield _plain(self._line), True

    def _finish(self) -> Iterator[tuple[str, bool]]:
        if self._line:
            yield _plain(self._line), False
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


def _plain(line: bytearray) -> str:
    return _TIME_STAMP.sub("", line.decode("utf-8", "replace"))
