# SPDX-License-Identifier: Apache-2.0
"""Announces this node by multicast DNS on every link that has an address."""

import asyncio
from typing import TYPE_CHECKING

from edge.node.control.controller import Controller
from edge.node.control.peer import own_record
from edge.node.log import logger
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.node.service import Operations, State

if TYPE_CHECKING:
    from discovery.advertise import Advertiser

_log = logger("mdns")
_SERVICE = "mdns"


class DiscoveryController(Controller):
    """Keeps the announcement equal to what the node is."""

    name = "cluster.AnnounceController"
    asks_others = True
    inputs = (
        kind.ADDRESS_STATUS,
        kind.HOSTNAME_STATUS,
        kind.MACHINE_STATUS,
        kind.MACHINE_CONFIG,
    )
    period_s = 30.0

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._advertiser: Advertiser | None = None
        self._is_stopped = False
        self._busy = asyncio.Lock()
        self.machine.services.offer(
            _SERVICE,
            Operations(start=self._start, stop=self._stop, restart=self._restart),
        )

    async def reconcile(self) -> None:
        """Announce the present record on the present links."""
        async with self._busy:
            if not self._is_stopped:
                await self._announce()

    async def _announce(self) -> None:
        record, links = own_record(self.machine), self._links()
        if self._advertiser is None:
            if not links:
                return
            # Beside all else, because it takes its time and a node that starts is waited for.
            advertiser = await asyncio.to_thread(_load_advertiser)
            self._advertiser = advertiser(record)
            self.machine.services.enter(_SERVICE, State.RUNNING, "Announcing this node")
        await self._advertiser.update(record)
        for fault in await self._advertiser.set_interfaces(links):
            _log.info("%s", fault)

    async def close(self) -> None:
        """Say goodbye on every link."""
        async with self._busy:
            advertiser, self._advertiser = self._advertiser, None
            if advertiser:
                await advertiser.close()

    async def _start(self) -> None:
        self._is_stopped = False
        await self.reconcile()

    async def _stop(self) -> None:
        self._is_stopped = True
        await self.close()
        self.machine.services.enter(_SERVICE, State.FINISHED, "Stopped by an operator")

    async def _restart(self) -> None:
        await self._stop()
        await self._start()

    def _links(self) -> dict[str, list[str]]:
        links: dict[str, list[str]] = {}
        for each in self.store.of_kind(kind.ADDRESS_STATUS):
            if each.spec["scope"] == "global":
                links.setdefault(each.spec["linkName"], []).append(each.spec["local"])
        return links


def _load_advertiser() -> "type[Advertiser]":
    from discovery.advertise import Advertiser

    return Advertiser
