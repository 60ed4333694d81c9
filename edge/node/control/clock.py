# SPDX-License-Identifier: Apache-2.0
"""Time: asks time servers, sets the clock, and remembers it for boards without one."""

import asyncio
import math
import time

from edge.errors import EdgeError
from edge.node.control.adjtime import read_adjtime
from edge.node.control.controller import Controller
from edge.node.log import logger
from edge.node.network import sntp
from edge.node.resource import kind

DEFAULT_SERVERS = ("pool.ntp.org",)
STEP_S = 0.5
SYNCED_PERIOD_S = 300.0
UNSYNCED_PERIOD_S = 15.0
REMEMBER_EVERY_S = 3600.0
_log = logger("time")


class ClockController(Controller):
    """Keeps the wall clock right; a node without a reachable server goes on with what it has."""

    name = "time.SyncController"
    asks_others = True
    inputs = (kind.MACHINE_CONFIG, kind.NODE_ADDRESS)
    outputs = (kind.TIME_STATUS, kind.TIME_SERVER_STATUS, kind.ADJTIME_STATUS)
    period_s: float | None = SYNCED_PERIOD_S
    _remembered_at = -math.inf
    _epoch = 0

    async def reconcile(self) -> None:
        """Ask the servers in turn until one answers."""
        servers, disabled = self._wanted()
        self._publish_servers(servers)
        synced = disabled or await self._sync(servers)
        self.period_s = SYNCED_PERIOD_S if synced else UNSYNCED_PERIOD_S
        spec = {"synced": synced, "epoch": self._epoch, "syncDisabled": disabled}
        self.store.put(kind.TIME_STATUS, "node", spec, owner=self.name)
        if self.machine.platform.mode == "metal":
            self.store.put(kind.ADJTIME_STATUS, "node", read_adjtime(), owner=self.name)
        if time.monotonic() - self._remembered_at > REMEMBER_EVERY_S:
            await self._remember()

    async def close(self) -> None:
        """Remember the time at which the node ended."""
        await self._remember()

    def _wanted(self) -> tuple[tuple[str, ...], bool]:
        active = self.machine.active
        if self.machine.platform.mode != "metal":
            return (), True
        if active is None:
            return DEFAULT_SERVERS, False
        return active.view.time_servers or DEFAULT_SERVERS, active.view.time_disabled

    def _publish_servers(self, servers: tuple[str, ...]) -> None:
        spec = {"timeServers": list(servers)}
        self.store.put(kind.TIME_SERVER_STATUS, "timeservers", spec, owner=self.name)

    async def _sync(self, servers: tuple[str, ...]) -> bool:
        for server in servers:
            try:
                sample = await sntp.ask(server)
            except (OSError, TimeoutError, ValueError) as error:
                _log.info("time server %s: %s", server, str(error) or "no answer")
                continue
            if sample.remote < self.machine.platform.image.build_time:
                _log.warning("time server %s lives before this image was built", server)
                continue
            if abs(sample.offset_s) > STEP_S:
                self.machine.platform.set_clock(sample.remote)
                self._epoch += 1
                _log.info("clock moved by %.1f s to the time of %s", sample.offset_s, server)
            return True
        return False

    async def _remember(self) -> None:
        if self.machine.platform.mode != "metal":
            return
        self._remembered_at = time.monotonic()
        try:
            await asyncio.to_thread(self.machine.keep_time)
        except EdgeError as error:
            _log.warning("the time cannot be kept: %s", error)
