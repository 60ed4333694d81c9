# SPDX-License-Identifier: Apache-2.0
"""Time: asks time servers, sets the clock, and remembers it for boards without one."""

import asyncio
from datetime import UTC, datetime, timedelta

from edge.node.control.controller import Controller
from edge.node.log import logger
from edge.node.network import sntp
from edge.node.resource import kind

DEFAULT_SERVERS = ("pool.ntp.org",)
STEP_S = 0.5
REMEMBER_EVERY = timedelta(hours=1)
_log = logger("time")


class ClockController(Controller):
    """Keeps the wall clock right; a node without a reachable server goes on with what it has."""

    name = "time.SyncController"
    inputs = (kind.MACHINE_CONFIG, kind.NODE_ADDRESS)
    period_s = 300.0
    _remembered = datetime.min.replace(tzinfo=UTC)
    _epoch = 0

    async def reconcile(self) -> None:
        """Ask the servers in turn until one answers."""
        servers, disabled = self._wanted()
        self._publish_servers(servers)
        synced = disabled or await self._sync(servers)
        spec = {"synced": synced, "epoch": self._epoch, "syncDisabled": disabled}
        self.store.put(kind.TIME_STATUS, "node", spec, owner=self.name)
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
            if abs(sample.offset_s) > STEP_S:
                self.machine.platform.set_clock(sample.remote)
                self._epoch += 1
                _log.info("clock moved by %.1f s to the time of %s", sample.offset_s, server)
            return True
        return False

    async def _remember(self) -> None:
        now = datetime.now(UTC)
        if self.machine.platform.mode == "metal" and now - self._remembered > REMEMBER_EVERY:
            self._remembered = now
            await asyncio.to_thread(self.machine.keep_time)
