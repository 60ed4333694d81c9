# SPDX-License-Identifier: Apache-2.0
"""The real services: the functions that the command line uses, kept connected.

The table asks each node again and again through one connection a node; everything rarer opens
its own, so that a failing poll never cuts somebody's log.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from discovery.browse import watch
from discovery.link import list_links
from discovery.roster import NodeLost
from edge.client.model import Applied
from edge.config.diff import diff
from edge.config.validate import load_valid
from edge.errors import ConfigError, EdgeError, NodeError
from edge.provision.contact import configure, make_contact
from edge.text import read_text
from flasher.record import CardRecords
from tui.keyring import Keyring
from tui.question import ask
from tui.services import (
    KERNEL_LOG,
    Candidate,
    Change,
    Identity,
    Report,
    Sighting,
    Target,
)
from tui.session import Session, open_session

CONCURRENCY = 16
REPORT_DEADLINE_S = 10.0
LOG_TAIL = 500
_WIPED = ("STATE", "EPHEMERAL")


class Backend:
    """Talks to real nodes with the identities of a key ring."""

    def __init__(
        self,
        keyring: Keyring,
        records: CardRecords,
        *,
        configured: tuple[str, ...] = (),
        discover: bool = True,
        pins: tuple[str, ...] = (),
    ) -> None:
        self._keyring = keyring
        self._records = records
        self._configured = configured
        self._discover = discover
        self._pins = pins
        self._kept: dict[str, _Kept] = {}
        self._slots = asyncio.Semaphore(CONCURRENCY)

    @property
    def configured(self) -> tuple[str, ...]:
        """Return the addresses of nodes that the user named."""
        return self._configured

    def links(self) -> tuple[str, ...]:
        """Return the network links that are listened on, without loopback."""
        return tuple(link.name for link in list_links() if not link.is_loopback)

    async def watch(self) -> AsyncGenerator[Sighting, None]:
        """Yield what mDNS hears."""
        if not self._discover:
            return
        async with aclosing(watch()) as events:
            async for event in events:
                identity = await self._identify(event.node.fingerprint)
                yield Sighting(
                    record=event.node,
                    in_sight=not isinstance(event, NodeLost),
                    claimed_card=identity.card,
                )

    async def report(self, target: Target, *, full: bool) -> Report:
        """Ask a node how it is through the connection that is kept for it."""
        async with self._slots:
            try:
                async with asyncio.timeout(REPORT_DEADLINE_S):
                    return await self._report(target, full=full)
            except TimeoutError as error:
                await self._drop(target.key)
                where = target.endpoints[0]
                raise NodeError(f"{where} did not answer in {REPORT_DEADLINE_S:.0f} s") from error

    async def check(self, path: Path) -> Candidate:
        """Read and validate a configuration file."""
        return await asyncio.to_thread(_check, path)

    async def compare(self, target: Target, candidate: Candidate) -> Change:
        """Ask a node who it is and what it has, and compare."""
        async with self._session(target) as session:
            present = "" if session.maintenance else await session.configuration()
        return Change(
            candidate=candidate,
            endpoint=session.endpoint,
            identity=session.identity,
            maintenance=session.maintenance,
            diff=await asyncio.to_thread(diff, present, candidate.text),
        )

    async def apply(self, target: Target, change: Change) -> Applied:
        """Send the configuration to the very node that was compared with."""
        if not change.maintenance:
            async with self._session(target) as session:
                return await session.client.apply(change.candidate.text)
        pins = [change.identity.fingerprint]
        contact = await make_contact(change.endpoint, self._records, pins=pins)
        applied = await configure(contact, change.candidate.text)
        await asyncio.to_thread(self._keyring.adopt, change.candidate)
        return applied

    async def reboot(self, target: Target) -> None:
        """Restart a configured node."""
        async with self._session(target) as session:
            await session.client.reboot()

    async def reset(self, target: Target) -> None:
        """Wipe a configured node's STATE and EPHEMERAL and restart it into maintenance."""
        async with self._session(target) as session:
            await session.client.reset(_WIPED, reboot=True)

    async def log_names(self, target: Target) -> tuple[str, ...]:
        """Return the names of a node's logs, the kernel's last."""
        async with self._session(target) as session:
            return (*await session.client.log_names(), KERNEL_LOG)

    async def follow(self, target: Target, log: str) -> AsyncGenerator[str, None]:
        """Yield the last lines of a log and every later one."""
        async with self._session(target) as session:
            lines = (
                session.client.dmesg(follow=True)
                if log == KERNEL_LOG
                else session.client.logs(log, follow=True, tail=LOG_TAIL)
            )
            async for line in lines:
                yield line

    async def close(self) -> None:
        """Let go of every connection."""
        for key in list(self._kept):
            await self._drop(key)

    async def _report(self, target: Target, *, full: bool) -> Report:
        if kept := self._kept.get(target.key):
            try:
                return await ask(kept.session, full=full)
            except EdgeError:
                # The node may have restarted or changed its mode: ask a fresh connection.
                await self._drop(target.key)
        return await ask(await self._keep(target), full=full)

    async def _keep(self, target: Target) -> Session:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(self._session(target))
            self._kept[target.key] = _Kept(session, stack.pop_all())
        return session

    async def _drop(self, key: str) -> None:
        if kept := self._kept.pop(key, None):
            await kept.stack.aclose()

    @asynccontextmanager
    async def _session(self, target: Target) -> AsyncIterator[Session]:
        async with open_session(target, self._keyring, self._identify, self._pins) as session:
            yield session

    async def _identify(self, fingerprint: str) -> Identity:
        if not fingerprint:
            return Identity()
        card = await asyncio.to_thread(self._records.find_by_fingerprint, fingerprint)
        if card is None:
            return Identity(fingerprint=fingerprint)
        return Identity(fingerprint=fingerprint, card=card.id, flashed=card.attempt.started)


@dataclass(frozen=True, slots=True)
class _Kept:
    session: Session
    stack: AsyncExitStack


def _check(path: Path) -> Candidate:
    text = read_text(path)
    config, warnings = load_valid(text, source=str(path))
    if not config.is_complete:
        raise ConfigError(
            f"{path} has no v1alpha1 document", hint="make one with: edgectl gen config"
        )
    return Candidate(path=path, text=text, warnings=warnings)
