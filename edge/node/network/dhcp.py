# SPDX-License-Identifier: Apache-2.0
"""DHCPv4 on one link: keeps a lease and tells what it grants."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from pyroute2.dhcp.client import AsyncDHCPClient, ClientConfig
from pyroute2.dhcp.hooks import Hook, Trigger
from pyroute2.dhcp.leases import Lease as PyrouteLease
from pyroute2.dhcp.leases import MissingOptionError
from pyroute2.netlink.exceptions import NetlinkError


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a server granted: address, gateway, resolvers and domain."""

    link: str
    address: ipaddress.IPv4Interface
    gateway: str = ""
    resolvers: tuple[str, ...] = ()
    domain: str = ""


Listener = Callable[[str, Lease | None], Awaitable[None]]


class DhcpClient:
    """A running client; `listener(link, lease)` is awaited on every grant and loss."""

    def __init__(self, link: str, hostname: str, listener: Listener) -> None:
        self._link = link
        self._hostname = hostname
        self._listener = listener
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def is_alive(self) -> bool:
        """Say whether the client still talks: it stops when its link goes down."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def start(self) -> None:
        """Begin asking for a lease in the background.

        Raises:
            OSError: when the link cannot be used.
        """
        config = ClientConfig(
            interface=self._link,
            lease_type=_MemoryLease,
            hooks=[
                Hook(self._granted, {Trigger.BOUND, Trigger.RENEWED, Trigger.REBOUND}),
                Hook(self._lost, {Trigger.UNBOUND, Trigger.EXPIRED}),
            ],
            retransmission=_eager,
            release=False,
            handle_signals=False,
            vendor_id="edgectl",
            host_name=self._hostname,
            hook_timeout=10.0,
        )
        try:
            client = await self._stack.enter_async_context(AsyncDHCPClient(config))
        except NetlinkError as error:
            raise OSError(error.code, str(error.args[-1])) from error
        # The library tells nobody when its sender or receiver ends.
        self._tasks = {client._sender_task, client._receiver_task}
        await client.bootstrap()

    async def stop(self) -> None:
        """Stop asking; the lease is not released, so the address stays ours across a reboot."""
        # The library raises here whatever ended its tasks long ago.
        with suppress(Exception):
            await self._stack.aclose()

    async def _granted(self, lease: Any) -> None:
        await self._listener(self._link, _read(self._link, lease))

    async def _lost(self, lease: Any) -> None:  # noqa: ARG002 - the library passes it by name
        await self._listener(self._link, None)


def _eager():  # type: ignore[no-untyped-def] # the library's own return type is private
    """Yield pauses between requests: short at first, since boards and switches start together."""
    yield from (1.0, 2.0, 4.0, 8.0)
    while True:
        yield 16.0


def _read(link: str, lease: Any) -> Lease:
    return Lease(
        link=link,
        address=ipaddress.IPv4Interface(f"{lease.ip}/{lease.subnet_mask}"),
        gateway=(_option(lease, "routers") or [""])[0],
        resolvers=tuple(_option(lease, "name_servers") or ()),
        domain=_option(lease, "domain_name") or "",
    )


def _option(lease: Any, name: str) -> Any:
    try:
        return getattr(lease, name)
    except MissingOptionError:
        return None


class _MemoryLease(PyrouteLease):  # type: ignore[misc] # the library is untyped
    """A lease that is not kept anywhere: every boot asks again."""

    def dump(self) -> None:
        """Keep nothing."""

    @classmethod
    def load(cls, interface: str) -> None:
        """Find nothing."""
