# SPDX-License-Identifier: Apache-2.0
"""Announce a node on every link it has, each with that link's addresses alone."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from discovery.link import sources
from discovery.record import SERVICE_TYPE, NodeRecord, encode, instance_name
from discovery.responder import close_link, hear_only_own_link, open_link
from edge.errors import NodeError

# Two minutes for every record, so that a node that lost power is forgotten that soon.
TTL_S = 120


@dataclass(slots=True)
class _Presence:
    zeroconf: AsyncZeroconf
    sources: list[str | int]
    info: ServiceInfo


class Advertiser:
    """Keep one record announced on a changing set of links.

    A lab node announces itself on the loopback link with its own 127.x.y.z address.
    """

    def __init__(self, record: NodeRecord, *, ttl_s: int = TTL_S) -> None:
        self._record = record
        self._ttl_s = ttl_s
        self._links: dict[str, _Presence] = {}
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def record(self) -> NodeRecord:
        """Return what is being announced; its addresses and interface play no part."""
        return self._record

    async def set_interfaces(self, interfaces: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Announce on exactly `interfaces` (link name -> its addresses) and leave the others.

        Returns one line for each link that cannot be used now; call again to retry those.
        """
        async with self._lock:
            gone = self._links.keys() - interfaces.keys()
            for name in gone:
                await close_link(self._links.pop(name).zeroconf)
            if gone:
                # Two links into one network: the goodbye of one must not hide the other.
                await self._announce_everywhere()
            outcomes = await asyncio.gather(
                *(self._set_link(name, addresses) for name, addresses in interfaces.items())
            )
        return tuple(fault for fault in outcomes if fault)

    async def update(self, record: NodeRecord) -> None:
        """Announce `record` in place of the one before, at once and on every link."""
        async with self._lock:
            if record == self._record:
                return
            renamed = instance_name(record) != instance_name(self._record)
            self._record = record
            await self._announce_everywhere(renamed=renamed)

    async def close(self) -> None:
        """Say goodbye on every link."""
        await self.set_interfaces({})

    async def _set_link(self, name: str, addresses: Sequence[str]) -> str:
        wanted = sources(_index(name), addresses)
        presence = self._links.get(name)
        try:
            if presence is None:
                self._links[name] = await self._appear(name, wanted, addresses)
            elif presence.sources != wanted:
                await self._move(name, presence, wanted, addresses)
            elif set(presence.info.parsed_addresses()) != _plain(addresses):
                await self._announce(presence, addresses=addresses)
        except NodeError as error:
            return error.message
        return ""

    async def _appear(
        self, name: str, wanted: list[str | int], addresses: Sequence[str]
    ) -> _Presence:
        zeroconf = await open_link(name, wanted)
        info = self._info(addresses)
        # "Cooperating": the same node may be heard through two of its links at once.
        broadcast = await zeroconf.async_register_service(info, cooperating_responders=True)
        await broadcast
        return _Presence(zeroconf, wanted, info)

    async def _move(
        self, name: str, presence: _Presence, wanted: list[str | int], addresses: Sequence[str]
    ) -> None:
        if not wanted:
            await close_link(self._links.pop(name).zeroconf)
            return
        await presence.zeroconf.async_update_interfaces(wanted)
        if not presence.zeroconf.zeroconf.engine.senders:
            await close_link(self._links.pop(name).zeroconf)
            raise NodeError(f"link {name}: multicast DNS cannot follow its new addresses")
        hear_only_own_link(presence.zeroconf)
        presence.sources = wanted
        await self._announce(presence, addresses=addresses)

    async def _announce_everywhere(self, *, renamed: bool = False) -> None:
        presences = self._links.values()
        await asyncio.gather(*(self._announce(one, renamed=renamed) for one in presences))

    async def _announce(
        self,
        presence: _Presence,
        *,
        addresses: Sequence[str] | None = None,
        renamed: bool = False,
    ) -> None:
        info = self._info(presence.info.parsed_addresses() if addresses is None else addresses)
        zeroconf, before, presence.info = presence.zeroconf, presence.info, info
        if renamed:
            await (await zeroconf.async_unregister_service(before))
            await (await zeroconf.async_register_service(info, cooperating_responders=True))
        else:
            await (await zeroconf.async_update_service(info))

    def _info(self, addresses: Sequence[str]) -> ServiceInfo:
        instance = instance_name(self._record)
        return ServiceInfo(
            SERVICE_TYPE,
            f"{instance}.{SERVICE_TYPE}",
            port=self._record.port,
            properties=encode(self._record),
            server=f"{instance}.local.",
            parsed_addresses=sorted(_plain(addresses)),
            host_ttl=self._ttl_s,
            other_ttl=self._ttl_s,
        )


def _plain(addresses: Sequence[str]) -> set[str]:
    return {str(ip_address(address.partition("%")[0])) for address in addresses}


def _index(name: str) -> int:
    with contextlib.suppress(OSError):
        return socket.if_nametoindex(name)
    return 0
