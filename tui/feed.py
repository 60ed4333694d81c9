# SPDX-License-Identifier: Apache-2.0
"""The loops that wait for the network, a node or a log, and post what comes.

They run in workers, never touch a widget, and end only by being cancelled or because their node
was forgotten.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from textual.message import Message

from edge.errors import ConfigError, EdgeError, TrustError
from tui.messages import Answered, Failed, Heard, Listening, LogBroke, LogLines, LogStarted
from tui.model import Failure
from tui.services import NodeServices, Target
from tui.text import plain

Post = Callable[[Message], object]

INTERVAL_S: Final = 3.0
CLOSE_INTERVAL_S: Final = 1.0
LONGEST_INTERVAL_S: Final = 24.0
LISTEN_RETRY_S: Final = 5.0
LOG_RETRY_S: Final = 2.0
LOG_PAUSE_S: Final = 0.1
LOG_BATCH: Final = 2000


@dataclass(slots=True)
class Gaze:
    """How one node is looked at: set `now` to have it asked at once, `close` for everything."""

    now: asyncio.Event = field(default_factory=asyncio.Event)
    close: bool = False

    def look(self, *, close: bool) -> None:
        """Change how closely the node is looked at, and ask it at once."""
        self.close = close
        self.now.set()


async def listen(services: NodeServices, post: Post) -> None:
    """Post what mDNS says, and try again for ever where it cannot be listened to."""
    while True:
        post(Listening(links=services.links()))
        try:
            async with aclosing(services.watch()) as sightings:
                async for sighting in sightings:
                    post(Heard(sighting=sighting))
                    post(Listening(links=services.links()))
        except EdgeError as error:
            post(Listening(links=(), fault=error.message))
        await asyncio.sleep(LISTEN_RETRY_S)


async def poll(
    services: NodeServices, look: Callable[[], Target | None], gaze: Gaze, post: Post
) -> None:
    """Ask a node again and again, less often while it fails, until `look` has no target."""
    failures = 0
    while target := look():
        gaze.now.clear()
        try:
            report = await services.report(target, full=gaze.close)
        except EdgeError as error:
            failures += 1
            post(Failed(key=target.key, failure=as_failure(error)))
        else:
            failures = 0
            post(Answered(key=target.key, report=report))
        await _pause(gaze.now, interval_s(failures, close=gaze.close))


def interval_s(failures: int, *, close: bool) -> float:
    """Return how long to wait after so many failures in a row."""
    if close:
        return CLOSE_INTERVAL_S if failures == 0 else INTERVAL_S
    return min(INTERVAL_S * (1 << min(failures, 8)), LONGEST_INTERVAL_S)


def as_failure(error: EdgeError) -> Failure:
    """Return an error in the words of the table."""
    # Without a usable client configuration the node is there, but not for us.
    refused = isinstance(error, TrustError | ConfigError)
    return Failure(reason=error.message, hint=error.hint or "", refused=refused)


async def follow(services: NodeServices, target: Target, log: str, post: Post) -> None:
    """Post the lines of a log for ever, from its last lines on after every break."""
    while True:
        try:
            async with (
                aclosing(services.follow(target, log)) as lines,
                aclosing(batches(lines, LOG_PAUSE_S)) as groups,
            ):
                post(LogStarted(log=log))
                async for group in groups:
                    post(LogLines(log=log, lines=group))
            post(LogBroke(log=log, reason="the node ended it"))
        except EdgeError as error:
            post(LogBroke(log=log, reason=error.message))
        await asyncio.sleep(LOG_RETRY_S)


async def batches(
    lines: AsyncIterator[str], pause_s: float
) -> AsyncGenerator[tuple[str, ...], None]:
    """Gather lines that come quickly, so that a burst is drawn once and not line by line."""
    waiting: list[str] = []
    news, drained = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        try:
            async for line in lines:
                waiting.append(plain(line))
                news.set()
                drained.clear()
                if len(waiting) >= LOG_BATCH:
                    # A node that floods us waits for the screen, not the screen for it.
                    await drained.wait()
        finally:
            news.set()

    reader = asyncio.get_running_loop().create_task(read())
    try:
        while not (reader.done() and not waiting):
            await news.wait()
            if not reader.done():
                await asyncio.sleep(pause_s)
            news.clear()
            if batch := tuple(waiting):
                waiting.clear()
                drained.set()
                yield batch
            if reader.done():
                news.set()
        await reader
    finally:
        reader.cancel()
        await asyncio.wait([reader])


async def _pause(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
