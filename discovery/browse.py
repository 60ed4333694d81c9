# SPDX-License-Identifier: Apache-2.0
"""Listen for nodes on every link: once for a while, or as a stream of found, changed, lost.

                 PTR heard              SRV, TXT and addresses complete
    (nothing) ------------> resolving ---------------------------------> in sight
        ^                      | not answered three times                  |    | records
        |                      v                                           |    | expired
        +<---------------------+<------- goodbye, or unanswered -----------+<---+

One zeroconf instance a link; at most 32 nodes are being resolved at any time, each retried,
because resolving hundreds at once loses answers.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable
from types import TracebackType
from typing import Final, Self

from zeroconf import BadTypeInNameException, DNSQuestionType, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from discovery.link import Link, list_links, sources
from discovery.record import SERVICE_TYPE, NodeRecord, decode
from discovery.responder import close_link, open_link
from discovery.roster import MAX_SIGHTINGS, NodeEvent, Roster
from edge.errors import NodeError

RESOLVERS: Final = 32
ATTEMPTS: Final = 3
ATTEMPT_MS: Final = 1500
RECHECK_S: Final = 2.0

# Multicast questions only: a unicast answer goes to one of the programs that share port 5353.
_QUESTION = DNSQuestionType.QM


async def browse(
    seconds: float = 3.0, interfaces: Collection[str] | None = None
) -> list[NodeRecord]:
    """Return the nodes heard within `seconds` on `interfaces` (names; all of them by default).

    Nodes still being resolved by then get up to three seconds more.

    Raises:
        NodeError: when no link can be listened on.
    """
    async with Browser(interfaces) as browser:
        await asyncio.sleep(seconds)
        await browser.settle(3.0)
        return browser.nodes()


async def watch(
    interfaces: Collection[str] | None = None, *, recheck_s: float = RECHECK_S
) -> AsyncGenerator[NodeEvent, None]:
    """Yield what happens to the nodes in sight until the iterator is closed.

    Links that come and go are followed, and silent nodes asked for, every `recheck_s`.

    Raises:
        NodeError: when no link can be listened on.
    """
    async with Browser(interfaces) as browser:
        check_at = time.monotonic() + recheck_s
        while True:
            try:
                left = check_at - time.monotonic()
                event = await asyncio.wait_for(browser.next_event(), max(left, 0.0))
            except TimeoutError:
                await browser.recheck()
                check_at = time.monotonic() + recheck_s
            else:
                yield event


class Browser:
    """Listens on a set of links while its context is open."""

    def __init__(
        self,
        interfaces: Collection[str] | None = None,
        *,
        links: Callable[[], Iterable[Link]] = list_links,
    ) -> None:
        self._wanted = interfaces
        self._list_links = links
        self._listeners: dict[Link, _Listener] = {}
        self._roster = Roster()
        self._events: asyncio.Queue[NodeEvent] = asyncio.Queue()
        self._slots = asyncio.Semaphore(RESOLVERS)

    async def __aenter__(self) -> Self:
        faults = await self._follow_links()
        if not self._listeners:
            wanted = ", ".join(self._wanted or ())
            raise NodeError(
                f"no network link to listen on{f' among {wanted}' if wanted else ''}"
                + "".join(f"; {fault}" for fault in faults),
                hint="connect a network, or name the addresses: edgectl discover --cidr",
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(listener.close() for listener in self._listeners.values()))

    @property
    def links(self) -> tuple[Link, ...]:
        """Return the links being listened on."""
        return tuple(self._listeners)

    def nodes(self) -> list[NodeRecord]:
        """Return the nodes in sight now."""
        return self._roster.nodes()

    async def next_event(self) -> NodeEvent:
        """Wait for the next thing that happens to a node."""
        return await self._events.get()

    async def settle(self, seconds: float) -> None:
        """Wait until nothing is being resolved, at most `seconds`."""
        deadline = time.monotonic() + seconds
        while tasks := [task for one in self._listeners.values() for task in one.tasks()]:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await asyncio.wait(tasks, timeout=left)

    async def recheck(self) -> None:
        """Follow links that came or went, and ask for the nodes whose records ran out."""
        await self._follow_links()
        for listener in self._listeners.values():
            for name in self._roster.names(listener.link.name):
                listener.confirm(name)

    async def _follow_links(self) -> list[str]:
        links = [one for one in self._list_links() if self._is_wanted(one)]
        for link in self._listeners.keys() - set(links):
            await self._forget(link)
        faults = []
        for link in links:
            if link not in self._listeners:
                try:
                    self._listeners[link] = await self._listen(link)
                except NodeError as error:
                    faults.append(error.message)
        return faults

    def _is_wanted(self, link: Link) -> bool:
        return self._wanted is None or link.name in self._wanted

    async def _listen(self, link: Link) -> "_Listener":
        zeroconf = await open_link(link.name, sources(link.index, link.addresses))
        return _Listener(link, zeroconf, self._slots, self._put, self._drop)

    async def _forget(self, link: Link) -> None:
        await self._listeners.pop(link).close()
        if not any(other.name == link.name for other in self._list_links()):
            for name in self._roster.names(link.name):
                self._drop(link, name)

    def _put(self, link: Link, name: str, record: NodeRecord) -> None:
        self._publish(self._roster.put(link.name, name, record))

    def _drop(self, link: Link, name: str) -> None:
        self._publish(self._roster.drop(link.name, name))

    def _publish(self, events: list[NodeEvent]) -> None:
        for event in events:
            self._events.put_nowait(event)


class _Listener:
    """The nodes of one link: hears their names and resolves them, a task a name."""

    def __init__(
        self,
        link: Link,
        zeroconf: AsyncZeroconf,
        slots: asyncio.Semaphore,
        put: Callable[[Link, str, NodeRecord], None],
        drop: Callable[[Link, str], None],
    ) -> None:
        self.link = link
        self._zeroconf = zeroconf
        self._slots = slots
        self._put = put
        self._drop = drop
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._browser = AsyncServiceBrowser(
            zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._on_change], question_type=_QUESTION
        )

    def tasks(self) -> list[asyncio.Task[None]]:
        """Return the resolutions under way."""
        return list(self._tasks.values())

    def confirm(self, name: str) -> None:
        """Resolve `name` again unless what it said is still valid."""
        if not AsyncServiceInfo(SERVICE_TYPE, name).load_from_cache(self._zeroconf.zeroconf):
            self._resolve_soon(name)

    async def close(self) -> None:
        """Stop listening."""
        await self._browser.async_cancel()
        tasks = self.tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await close_link(self._zeroconf)

    def _on_change(
        self,
        zeroconf: Zeroconf,  # noqa: ARG002 -- zeroconf passes its arguments by name
        service_type: str,  # noqa: ARG002
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            if task := self._tasks.pop(name, None):
                task.cancel()
            self._drop(self.link, name)
        else:
            self._resolve_soon(name)

    def _resolve_soon(self, name: str) -> None:
        if name in self._tasks:
            self._again.add(name)
        elif len(self._tasks) < MAX_SIGHTINGS:
            task = asyncio.get_running_loop().create_task(self._resolve(name))
            self._tasks[name] = task
            task.add_done_callback(lambda done: self._finish(name, done))

    def _finish(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if name in self._again:
            self._again.discard(name)
            if not task.cancelled():
                self._resolve_soon(name)

    async def _resolve(self, name: str) -> None:
        async with self._slots:
            info = await self._request(name)
        if info is None:
            self._drop(self.link, name)
            return
        record = decode(
            info.properties,
            instance=_instance(name),
            addresses=info.parsed_addresses(),
            port=info.port,
            interface=self.link.name,
        )
        if record is None:
            self._drop(self.link, name)
        else:
            self._put(self.link, name, record)

    async def _request(self, name: str) -> AsyncServiceInfo | None:
        try:
            info = AsyncServiceInfo(SERVICE_TYPE, name)
        except BadTypeInNameException:
            return None
        if info.load_from_cache(self._zeroconf.zeroconf):
            return info
        for _ in range(ATTEMPTS):
            if await self._ask(info):
                return info
        return None

    def _ask(self, info: AsyncServiceInfo) -> Awaitable[bool]:
        return info.async_request(self._zeroconf.zeroconf, ATTEMPT_MS, _QUESTION)


def _instance(name: str) -> str:
    return name[: -len(SERVICE_TYPE) - 1]
