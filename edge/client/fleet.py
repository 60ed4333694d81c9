# SPDX-License-Identifier: Apache-2.0
"""Many nodes as one: the same work on each of them, and what came of it.

No node waits for another, and none fails for another: each has its own deadline, its own answer
or its own error. Unless told otherwise every node is connected to once, however many calls there
are; a connection that drops is made again by the next call.
"""

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from edge.client.client import NodeClient
from edge.errors import EdgeError, NodeError

DEADLINE_S = 30.0
PARALLEL = 64
"""How many nodes are worked on at once: enough to hide the way there, few enough for our files."""

# A bridge to OpenSSL takes four, an ordinary connection one.
_FILES_EACH = 4
_FILES_BESIDE = 100

T = TypeVar("T")

Opener = Callable[[str], AbstractAsyncContextManager[NodeClient]]
Action = Callable[[NodeClient], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of the work on one node: a value, or an error."""

    node: str
    value: T | None = None
    error: EdgeError | None = None

    def result(self) -> T:
        """Return the value.

        Raises:
            EdgeError: the error.
        """
        if self.error:
            raise self.error
        return self.value  # type: ignore[return-value]


class Fleet:
    """Clients of many nodes, each opened by `opener` when it is first needed.

    Without `keep` each is closed after its work, so that many nodes take few files.
    """

    def __init__(
        self, nodes: Sequence[str], opener: Opener, *, parallel: int = PARALLEL, keep: bool = True
    ) -> None:
        self.nodes = tuple(dict.fromkeys(nodes))
        self._opener = opener
        self._keep = keep
        self._slots = asyncio.Semaphore(parallel)
        self._clients: dict[str, NodeClient] = {}
        self._locks = {node: asyncio.Lock() for node in self.nodes}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Begin; nothing is connected yet."""
        _make_room(len(self.nodes))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._stack.aclose()

    async def client(self, node: str) -> NodeClient:
        """Return the client of `node`, connecting when there is none.

        Raises:
            NodeError: when the node cannot be reached.
            TrustError: when it is not the node we want, or it does not want us.
        """
        async with self._locks[node]:
            if node not in self._clients:
                opened = self._opener(node)
                self._clients[node] = await self._stack.enter_async_context(opened)
            return self._clients[node]

    async def run(
        self, action: Action[T], *, deadline_s: float | None = DEADLINE_S
    ) -> list[Outcome[T]]:
        """Do `action` on every node; return what came of it in the order of the nodes."""
        found = {each.node: each async for each in self.stream(action, deadline_s=deadline_s)}
        return [found[node] for node in self.nodes]

    async def stream(
        self, action: Action[T], *, deadline_s: float | None = DEADLINE_S
    ) -> AsyncIterator[Outcome[T]]:
        """Do `action` on every node; yield what came of it as soon as each is done.

        Without a deadline all nodes are followed at once: nobody has to wait for a turn that
        may never come.
        """
        tasks = [asyncio.create_task(self._attempt(n, action, deadline_s)) for n in self.nodes]
        try:
            for done in asyncio.as_completed(tasks):
                yield await done
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, node: str, action: Action[T], deadline_s: float | None) -> Outcome[T]:
        try:
            if deadline_s is None:
                return Outcome(node, await self._follow(node, action))
            async with self._slots, asyncio.timeout(deadline_s):
                if self._keep:
                    return Outcome(node, await action(await self.client(node)))
                async with self._opener(node) as client:
                    return Outcome(node, await action(client))
        except EdgeError as error:
            return Outcome(node, error=error)
        except TimeoutError:
            text = f"{node} did not answer within {deadline_s or 0:.0f} s"
            return Outcome(node, error=NodeError(text))

    async def _follow(self, node: str, action: Action[T]) -> T:
        """Connect when it is this node's turn, then work for as long as it takes."""
        async with AsyncExitStack() as stack:
            async with self._slots:
                if self._keep:
                    client = await self.client(node)
                else:
                    client = await stack.enter_async_context(self._opener(node))
            return await action(client)


def _make_room(nodes: int) -> None:
    """Allow this process the files that connections to so many nodes may take, if we may."""
    wanted = _FILES_EACH * nodes + _FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
