# SPDX-License-Identifier: Apache-2.0
"""What came out of a console, kept in files: every byte, and lines of text with their times.

Both are appended to and handed to the system at once, so a killed program loses nothing.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from edge.errors import EdgeError
from edge.provision.console.terminal import ConsoleText

IDLE_S: Final = 1.0
_OTHER: Final = "name a file in a folder that is there and that you may write"


def _now() -> datetime:
    return datetime.now(UTC)


class RawLog:
    """The bytes as they came."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            EdgeError: when it cannot be written.
        """
        self._path = path
        self._file = _open(path)

    def __enter__(self) -> "RawLog":
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def take(self, data: bytes) -> None:
        """Keep `data`.

        Raises:
            EdgeError: when there is no room.
        """
        _write(self._path, self._file, data)


class TextLog:
    """Lines without control characters: time of day, seconds since the start, text.

    2026-03-01T09:15:02.125Z    4.250  Welcome to GRUB!
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime] = _now) -> None:
        """Open the file.

        Raises:
            EdgeError: when it cannot be written.
        """
        self._path = path
        self._now = now
        self._file = _open(path)
        self._text = ConsoleText()
        self._quiet_since_s = 0.0

    def __enter__(self) -> "TextLog":
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._write_unfinished(self._quiet_since_s)
        finally:
            self._file.close()

    def note(self, text: str, at_s: float) -> None:
        """Write a remark of our own.

        Raises:
            EdgeError: when there is no room.
        """
        self._write_unfinished(at_s)
        self._write(f"# {text}", at_s, at_s)

    def take(self, data: bytes, at_s: float) -> None:
        """Keep the lines that end in `data`, which came at `at_s`.

        Raises:
            EdgeError: when there is no room.
        """
        self._quiet_since_s = at_s
        for line in self._text.feed(data, at_s):
            if not line.is_prompt:
                self._write(line.text, line.at_s, at_s)

    def wait(self, at_s: float) -> None:
        """Nothing came up to `at_s`: a line that has not ended by now is a prompt.

        Raises:
            EdgeError: when there is no room.
        """
        if at_s - self._quiet_since_s >= IDLE_S:
            self._write_unfinished(at_s)

    def _write_unfinished(self, at_s: float) -> None:
        if text := self._text.unfinished:
            self._write(text, self._text.unfinished_at_s, at_s)
            self._text.drop()

    def _write(self, text: str, line_at_s: float, at_s: float) -> None:
        moment = self._now().timestamp() - max(0.0, at_s - line_at_s)
        day = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
        line = f"{day.removesuffix('+00:00')}Z {line_at_s:>10.3f}  {text.rstrip()}\n"
        _write(self._path, self._file, line.encode())


def check_log(path: Path) -> None:
    """Make the file `path` if it is not there, so that nothing begins that cannot be kept.

    Raises:
        EdgeError: when it cannot be written.
    """
    _open(path).close()


def _open(path: Path) -> BinaryIO:
    try:
        if path.exists() and not path.is_file() and not path.is_char_device():
            raise EdgeError(f"cannot write the log {path}: it is no file", hint=_OTHER)
        return path.open("ab", buffering=0)
    except OSError as error:
        raise EdgeError(f"cannot write the log {path}: {error.strerror}", hint=_OTHER) from error


def _write(path: Path, file: BinaryIO, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(file.fileno(), data) :]
    except OSError as error:
        raise EdgeError(f"cannot write the log {path}: {error.strerror}") from error
