# SPDX-License-Identifier: Apache-2.0
"""The real consoles: the library of `edgectl console`, its text decoded and written to a file."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import Final

from boards.catalog import all_profiles
from edge.errors import EdgeError
from edge.events import Event
from edge.provision.console import (
    Adapter,
    ConsoleOutput,
    StageDetector,
    follow,
    list_adapters,
    open_console,
)
from edge.provision.console.log import TextLog
from edge.provision.console.terminal import ConsoleText
from tui.console import BoardConsole, Line, Opened, Printed, Recording
from tui.reading import Reading

_TURN_S: Final = 0.1


class SerialConsoles:
    """Reads one console at a time: whoever is to be read next waits until the last is let go."""

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def clock(self) -> float:
        """Return seconds that no correction of the time moves."""
        return monotonic()

    def adapters(self) -> Sequence[Adapter]:
        """Return the serial ports of this machine."""
        return list_adapters()

    def boards(self) -> Sequence[BoardConsole]:
        """Return the consoles of all boards that have a profile."""
        return [BoardConsole.of(profile) for profile in all_profiles()]

    def follow(self, line: Line, reading: Reading) -> None:
        """Read a console until `reading` halts."""
        while not self._turn.acquire(timeout=_TURN_S):
            if reading.is_halted():
                return
        try:
            self._follow(line, reading)
        finally:
            self._turn.release()

    def _follow(self, line: Line, reading: Reading) -> None:
        detector = StageDetector(line.board.family if line.board else "")
        with open_console(line.port, line.baud) as console, _Scribe(reading) as scribe:
            started_s = detector.start(scribe.started_s)
            reading.tell(Opened(name=console.name, started_s=started_s))
            follow(console, scribe.take, stop=scribe.is_over, detector=detector)


class _Scribe:
    """Decodes what comes, hands it on, and keeps it in a file while that is wished."""

    def __init__(self, reading: Reading) -> None:
        self.started_s = monotonic()
        self._reading = reading
        self._text = ConsoleText()
        self._files = ExitStack()
        self._log: TextLog | None = None
        self._log_path: Path | None = None

    def __enter__(self) -> "_Scribe":
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def take(self, event: Event) -> None:
        """Hand on what happened; the bytes as lines."""
        if not isinstance(event, ConsoleOutput):
            self._reading.tell(event)
            return
        if self._log:
            self._write(event.data)
        lines = tuple(line.text for line in self._text.feed(event.data) if not line.is_prompt)
        size_bytes = len(event.data)
        self._reading.tell(Printed(lines=lines, tail=self._text.unfinished, size_bytes=size_bytes))

    def is_over(self) -> bool:
        """Say whether to end; asked every moment, so that wishes about the file are met too."""
        wished = self._reading.log_path
        if wished != self._log_path:
            self._change_log(wished)
        if self._log:
            self._write(b"")
        return self._reading.is_halted()

    def _change_log(self, path: Path | None) -> None:
        self._close()
        self._log_path = path
        try:
            self._log = self._files.enter_context(TextLog(path)) if path else None
        except EdgeError as error:
            self._give_up(error)
        else:
            self._reading.tell(Recording(path=path))

    def _write(self, data: bytes) -> None:
        assert self._log is not None
        at_s = monotonic() - self.started_s
        try:
            if data:
                self._log.take(data, at_s)
            else:
                self._log.wait(at_s)
        except EdgeError as error:
            self._give_up(error)

    def _give_up(self, error: EdgeError) -> None:
        """Go on without a file: the console matters more."""
        self._close()
        self._log_path = None
        self._reading.record(None)
        self._reading.tell(Recording(path=None, fault=error.message))

    def _close(self) -> None:
        self._log = None
        # A last line that finds no room is no reason to end either.
        with suppress(EdgeError):
            self._files.close()
