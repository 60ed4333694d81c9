# SPDX-License-Identifier: Apache-2.0
"""Applying a machine configuration: validate, persist, activate, in the mode that was asked.

AUTO and NO_REBOOT take effect now and persist; STAGED only persists; TRY takes effect now and
goes back unless another configuration arrives in time; REBOOT persists and restarts.
"""

import asyncio
from dataclasses import dataclass
from enum import IntEnum

from edge.config.diff import diff
from edge.errors import ConfigError
from edge.node.boot.supervisor import Request
from edge.node.configuration import Configuration, parse_configuration
from edge.node.log import logger
from edge.node.machine import Machine, Stage

TRY_TIMEOUT_S = 60.0
_log = logger("machined")


class Mode(IntEnum):
    """Apply modes with their numbers on the wire."""

    REBOOT = 0
    AUTO = 1
    NO_REBOOT = 2
    STAGED = 3
    TRY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done: the effective mode, a sentence about it, and warnings."""

    mode: Mode
    details: str
    warnings: tuple[str, ...] = ()


class Applier:
    """Applies one configuration at a time to one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._going_back: asyncio.Task[None] | None = None

    async def apply(
        self, data: bytes, mode: Mode, *, dry_run: bool = False, try_timeout_s: float = 0.0
    ) -> Applied:
        """Apply the configuration in `data`.

        Raises:
            ConfigError: when it is not valid, cannot be staged or tried here, or the node is
                busy with another one.
        """
        if self._machine.applying.locked():
            raise ConfigError("another apply configuration is already in progress")
        async with self._machine.applying:
            configuration = parse_configuration(data)
            mode = self._effective(mode)
            if dry_run:
                return self._dry_run(configuration, mode)
            return await self._carry_out(configuration, mode, try_timeout_s or TRY_TIMEOUT_S)

    def _effective(self, mode: Mode) -> Mode:
        if self._machine.in_maintenance:
            if mode in (Mode.STAGED, Mode.TRY):
                raise ConfigError(
                    f"mode {mode.name.lower()} needs a node that is configured already",
                    hint="leave the mode out",
                )
            return Mode.NO_REBOOT
        return Mode.NO_REBOOT if mode is Mode.AUTO else mode

    def _dry_run(self, configuration: Configuration, mode: Mode) -> Applied:
        active = self._machine.active
        changes = diff(active.text if active else "", configuration.text) or "No changes."
        details = (
            f"Dry run summary:\n{_SENTENCES[mode]} (skipped in dry-run).\nConfig diff:\n{changes}"
        )
        return Applied(mode=mode, details=details, warnings=configuration.warnings)

    async def _carry_out(
        self, configuration: Configuration, mode: Mode, try_timeout_s: float
    ) -> Applied:
        details = _SENTENCES[mode]
        if self._going_back:
            self._going_back.cancel()
            self._going_back = None
        if mode is Mode.TRY:
            self._try(try_timeout_s)
            details = f"{details}, going back in {try_timeout_s:.0f} s"
        else:
            await self._machine.persist(configuration)
        if mode in (Mode.NO_REBOOT, Mode.TRY):
            self._machine.activate(configuration)
        if mode is Mode.REBOOT:
            self._machine.end(Request.REBOOT, Stage.REBOOTING, "reboot")
        _log.info("%s", details)
        return Applied(mode=mode, details=details, warnings=configuration.warnings)

    def _try(self, timeout_s: float) -> None:
        before = self._machine.active
        if before is None:
            raise ConfigError("there is no configuration to go back to")
        self._going_back = asyncio.create_task(self._go_back(before, timeout_s))

    async def _go_back(self, before: Configuration, timeout_s: float) -> None:
        await asyncio.sleep(timeout_s)
        _log.warning("the tried configuration was not confirmed in time, going back")
        self._machine.activate(before)


_SENTENCES = {
    Mode.REBOOT: "Applied configuration with a reboot",
    Mode.NO_REBOOT: "Applied configuration without a reboot",
    Mode.STAGED: "Staged configuration to be applied after the next reboot",
    Mode.TRY: "Applied configuration for a trial",
}
