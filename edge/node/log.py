# SPDX-License-Identifier: Apache-2.0
"""Logs in memory: one ring of lines a service, readable and followable through the API.

Nothing is written to disk, so a card does not wear out from logging.
"""

import asyncio
import logging
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock, get_ident

from edge.node.boot.console import say

RING_LINES = 4096
RING_CHARACTERS = 1 << 20
LINE_CHARACTERS = 4096
_PREFIX = "node."


class Ring:
    """The last lines of one log, and who follows it; lines may come from any thread."""

    def __init__(self, size: int = RING_LINES, characters: int = RING_CHARACTERS) -> None:
        self._lines: deque[str] = deque(maxlen=size)
        self._room = characters
        self._followers: set[_Follower] = set()
        # Reentrant: whatever the collector calls while it is held may log as well.
        self._lock = RLock()

    def add(self, line: str) -> None:
        """Append a line without its newline; the oldest ones make room for it."""
        with self._lock:
            if len(self._lines) == self._lines.maxlen:
                self._room += len(self._lines.popleft())
            self._lines.append(line)
            self._room -= len(line)
            while self._room < 0 and len(self._lines) > 1:
                self._room += len(self._lines.popleft())
            for follower in self._followers:
                follower.hand(line)

    def tail(self, count: int = -1) -> list[str]:
        """Return the last `count` lines, all for a negative count."""
        with self._lock:
            lines = list(self._lines)
        return lines if count < 0 else lines[len(lines) - min(count, len(lines)) :]

    async def read(self, *, count: int = -1, follow: bool = False) -> AsyncIterator[str]:
        """Yield the last `count` lines and, if asked to follow, every later one."""
        follower = _Follower(self._lines.maxlen or RING_LINES)
        with self._lock:
            # At once: a line is either among the last ones or a later one.
            self._followers.add(follower)
            lines = self.tail(count)
        try:
            for line in lines:
                yield line
            while follow:
                yield await follower.queue.get()
        finally:
            with self._lock:
                self._followers.discard(follower)


class _Follower:
    """Somebody who reads a log as it grows, in the thread and the loop that made this."""

    def __init__(self, size: int) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue(size)
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()

    def hand(self, line: str) -> None:
        """Put a line into the queue, in the thread of its reader."""
        if get_ident() == self._thread:
            self._put(line)
            return
        with suppress(RuntimeError):  # The loop is closed, and nobody reads any more.
            self._loop.call_soon_threadsafe(self._put, line)

    def _put(self, line: str) -> None:
        if self.queue.full():
            # Whoever does not read loses the oldest lines, as from the ring itself.
            self.queue.get_nowait()
        self.queue.put_nowait(line)


class LogBook(logging.Handler):
    """Rings by service name, fed by Python's logging: logger `node.X` goes to ring X."""

    def __init__(self, echo: Callable[[str], None] = say) -> None:
        super().__init__()
        self._rings: dict[str, Ring] = {}
        self._echo = echo

    def ring(self, name: str) -> Ring | None:
        """Return the ring called `name`, if anything was ever logged to it."""
        return self._rings.get(name)

    def open(self, name: str) -> Ring:
        """Return the ring called `name`, making it when needed."""
        return self._rings.setdefault(name, Ring())

    def names(self) -> list[str]:
        """Return the names of all rings, sorted."""
        return sorted(self._rings)

    def emit(self, record: logging.LogRecord) -> None:
        """File one log record; warnings and worse also reach the console."""
        name = record.name.removeprefix(_PREFIX).split(".")[0]
        text = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            places = traceback.extract_tb(error.__traceback__)[-3:]
            trail = " > ".join(f"{Path(p.filename).name}:{p.lineno}" for p in places)
            # Not what it says: that may be a value of the configuration, and readers read logs.
            text += f": {type(error).__name__} at {trail}"
        text = _one_line(text)
        stamp = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.open(name).add(f"{stamp} {record.levelname:<7} {text}")
        if record.levelno >= logging.WARNING:
            self._echo(f"{name}: {text}")


def _one_line(text: str) -> str:
    """Return `text` as a line that is not too long: some of it comes from whoever calls."""
    if len(text) > LINE_CHARACTERS:
        text = f"{text[:LINE_CHARACTERS]}… ({len(text)} characters)"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def logger(service: str) -> logging.Logger:
    """Return the logger whose lines appear as the log of `service`."""
    return logging.getLogger(f"{_PREFIX}{service}")


def start_logging(echo: Callable[[str], None] = say) -> LogBook:
    """Send the node's loggers to a new log book and return it."""
    book = LogBook(echo)
    root = logging.getLogger(_PREFIX.rstrip("."))
    root.handlers = [book]
    root.setLevel(logging.INFO)
    root.propagate = False
    for name in ("machined", "controller-runtime", "apid"):
        book.open(name)
    return book
