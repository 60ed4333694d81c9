# SPDX-License-Identifier: Apache-2.0
"""Following a node past its restarts: events and resources go on where they stopped.

Logs do not: a node keeps no place in them, so whoever followed one is told that it ended.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from math import ceil
from time import monotonic
from typing import TypeVar

from edge.client.client import NodeClient
from edge.client.fault import GoneError, StrangerError, UnreachableError
from edge.client.model import Document, Happening, Watched
from edge.errors import NodeError

PATIENCE_S = 600.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 2.0

T = TypeVar("T")

OnGap = Callable[[UnreachableError], None]


async def follow_events(
    client: NodeClient,
    tail: int = 0,
    *,
    since_id: str = "",
    since_s: int = 0,
    actor: str = "",
    on_gap: OnGap,
    patience_s: float = PATIENCE_S,
) -> AsyncGenerator[Happening, None]:
    """Yield events as `NodeClient.events` does, and after a gap those that happened in it.

    Raises:
        NodeError: when the node was away for longer than `patience_s`.
    """
    last, until = since_id, 0.0

    def begin() -> AsyncIterator[Happening]:
        if last:
            return client.events(since_id=last, actor=actor)
        if until:
            # Nothing had happened before the gap whose identity could say where to begin.
            return client.events(since_s=ceil(monotonic() - until) + 1, actor=actor)
        return client.events(tail, since_s=since_s, actor=actor)

    def note_gap(error: UnreachableError) -> None:
        nonlocal until
        until = monotonic()
        on_gap(error)

    async with aclosing(_again(client, begin, note_gap, patience_s)) as events:
        async for event in events:
            last = event.id
            yield event


async def follow_resources(
    client: NodeClient,
    type_: str,
    namespace: str,
    resource_id: str | None = None,
    *,
    on_gap: OnGap,
    patience_s: float = PATIENCE_S,
) -> AsyncGenerator[Watched, None]:
    """Yield changes as `NodeClient.watch` does, and after a gap what became different in it.

    Raises:
        NodeError: when the node was away for longer than `patience_s`.
    """
    comparison = _Comparison()

    def begin() -> AsyncIterator[Watched]:
        comparison.begin(once=resource_id is not None)
        return client.watch(type_, namespace, resource_id)

    async with aclosing(_again(client, begin, on_gap, patience_s)) as changes:
        async for change in changes:
            for told in comparison.tell(change):
                yield told


class _Comparison:
    """Turns what a new watch begins with into the changes since the last one ended."""

    def __init__(self) -> None:
        self._known: dict[str, Document] = {}
        self._unseen: set[str] | None = None
        self._is_first = True

    def begin(self, *, once: bool) -> None:
        """Take what comes next as the present state; `once` when that is one resource."""
        self._unseen = set(self._known) if self._known or not self._is_first else None
        self._once = once
        self._is_first = False

    def tell(self, change: Watched) -> list[Watched]:
        """Return what a follower has to hear of `change`."""
        if change.event == "bootstrapped":
            gone, self._unseen = self._unseen, None
            if gone is None:
                return [change]
            return [Watched(event="destroyed", document=self._known.pop(each)) for each in gone]
        name = change.document.id
        before = self._known.get(name)
        if change.event == "destroyed":
            self._known.pop(name, None)
        else:
            self._known[name] = change.document
        if self._unseen is None:
            return [change]
        self._unseen.discard(name)
        if self._once:
            self._unseen = None
        return self._difference(before, change)

    @staticmethod
    def _difference(before: Document | None, change: Watched) -> list[Watched]:
        if change.event == "destroyed":
            return [change] if before else []
        if before is None or change.event != "created":
            return [change]
        return (
            []
            if before == change.document
            else [Watched(event="updated", document=change.document)]
        )


async def _again(
    client: NodeClient,
    begin: Callable[[], AsyncIterator[T]],
    on_gap: OnGap,
    patience_s: float,
) -> AsyncGenerator[T, None]:
    """Yield from `begin()`, and from a new one whenever the node went away."""
    is_known = False
    gone_at, pause_s = 0.0, _FIRST_PAUSE_S
    while True:
        try:
            async for item in begin():
                is_known, gone_at, pause_s = True, 0.0, _FIRST_PAUSE_S
                yield item
        except UnreachableError as error:
            is_known = is_known or isinstance(error, GoneError)
            if not is_known:
                raise
            if not gone_at:
                gone_at = monotonic()
                on_gap(error)
            elif monotonic() - gone_at > patience_s:
                minutes = patience_s / 60
                raise NodeError(
                    f"{client.node} went away and was not back within {minutes:.0f} min"
                ) from error
        except StrangerError:
            # A worker that boots has no certificate until a control plane signed it.
            if not gone_at or monotonic() - gone_at > patience_s:
                raise
        else:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
