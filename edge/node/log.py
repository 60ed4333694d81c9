# SPDX-License-Identifier: Apache-2.0
"""Logs in memory: one ring of lines a service, readable and followable through the API.

Nothing is written to disk, so a card does not wear out from logging.
"""

import asyncio
import logging
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

from edge.node.boot.console import say

RING_LINES = 4096
_PREFIX = "node."


class Ring:
    """The last lines of one log, and who follows it."""

    def __init__(self, size: int = RING_LINES) -> None:
        self._lines: deque[str] = deque(maxlen=size)
        self._followers: set[asyncio.Queue[str]] = set()

    def add(self, line: str) -> None:
        """Append a line without its newline."""
        self._lines.append(line)
        for queue in self._followers:
            if queue.full():
                # Whoever does not read loses the oldest lines, as from the ring itself.
                queue.get_nowait()
            queue.put_nowait(line)

    def tail(self, count: int = -1) -> list[str]:
        """Return the last `count` lines, all for a negative count."""
        lines = list(self._lines)
        return lines if count < 0 else lines[len(lines) - min(count, len(lines)) :]

    async def read(self, *, count: int = -1, follow: bool = False) -> AsyncIterator[str]:
        """Yield the last `count` lines and, if asked to follow, every later one."""
        queue: asyncio.Queue[str] = asyncio.Queue(self._lines.maxlen or RING_LINES)
        self._followers.add(queue)
        try:
            for line in self.tail(count):
                yield line
            while follow:
                yield await queue.get()
        finally:
            self._followers.discard(queue)


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
            text += f": {error!r} at {trail}"
        stamp = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.open(name).add(f"{stamp} {record.levelname:<7} {text}")
        if record.levelno >= logging.WARNING:
            self._echo(f"{name}: {text}")


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
