# SPDX-License-Identifier: Apache-2.0
"""Applying a machine configuration: validate, persist, activate, in the mode that was asked.

AUTO and NO_REBOOT take effect now and persist; STAGED only persists; TRY takes effect now and
goes back unless another configuration takes effect in time; REBOOT persists and restarts. What
is applied once more changes nothing: no write, no event, no new version of any resource.

A trial lives in memory alone, so a node that dies in it comes back with what was kept.
"""

import asyncio
from dataclasses import dataclass
from enum import IntEnum

from edge.errors import ConfigError, NodeError
from edge.node.boot.supervisor import Request
from edge.node.configuration import Configuration, parse_configuration
from edge.node.log import logger
from edge.node.machine import Machine, Stage
from edge.node.sequence import Sequence

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
        self._trial: asyncio.Task[None] | None = None
        self._confirmed: Configuration | None = None
        """What a trial goes back to."""

    async def apply(
        self, data: bytes, mode: Mode, *, dry_run: bool = False, try_timeout_s: float = 0.0
    ) -> Applied:
        """Apply the configuration in `data`.

        Raises:
            ConfigError: when it is not valid, or cannot be staged or tried here.
            NodeError: when the node is ending, or busy with another one.
            EdgeError, OSError: when it cannot be written; the node then keeps what it had.
        """
        applying = self._machine.applying
        if applying.locked():
            raise NodeError("another apply configuration is already in progress")
        if self._machine.ended.done():
            raise NodeError("another sequence is ending this machine already")
        await applying.acquire()
        timeout_s = try_timeout_s if try_timeout_s > 0 else TRY_TIMEOUT_S
        work = asyncio.create_task(self._apply(data, mode, timeout_s, dry_run=dry_run))
        work.add_done_callback(lambda _: applying.release())
        # A caller who hangs up must not leave a configuration written but not active.
        return await asyncio.shield(work)

    async def _apply(
        self, data: bytes, mode: Mode, try_timeout_s: float, *, dry_run: bool
    ) -> Applied:
        # Checking keys takes a slow board seconds, in which others want to be served.
        configuration = await asyncio.to_thread(parse_configuration, data)
        mode = self._effective(mode)
        if dry_run:
            return self._dry_run(configuration, mode)
        return await self._carry_out(configuration, mode, try_timeout_s)

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
        from edge.config.diff import diff

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
        if mode is Mode.TRY:
            self._begin_trial(try_timeout_s)
            details = f"{details}, going back in {try_timeout_s:g} s"
        else:
            await self._machine.persist(configuration)
        if mode is Mode.NO_REBOOT:
            self._end_trial()
        if mode in (Mode.NO_REBOOT, Mode.TRY):
            self._activate(configuration)
        if mode is Mode.REBOOT:
            self._machine.end(Request.REBOOT, Stage.REBOOTING, "reboot")
        _log.info("%s", details)
        return Applied(mode=mode, details=details, warnings=configuration.warnings)

    def _activate(self, configuration: Configuration) -> None:
        machine = self._machine
        if machine.active is None:
            machine.activate(configuration)
        elif machine.active.text != configuration.text:
            change = Sequence(machine.events, "applyConfiguration")
            with change.task("applyConfiguration", "activateConfiguration"):
                machine.activate(configuration)
            change.end()

    def _begin_trial(self, timeout_s: float) -> None:
        # A trial of a trial goes back to what was there before both.
        if not self._end_trial():
            self._confirmed = self._machine.active
        self._trial = asyncio.create_task(self._go_back(timeout_s))

    def _end_trial(self) -> bool:
        trial, self._trial = self._trial, None
        return trial is not None and trial.cancel()

    async def _go_back(self, timeout_s: float) -> None:
        await asyncio.sleep(timeout_s)
        if self._confirmed and not self._machine.ended.done():
            _log.warning("the tried configuration was not confirmed in time, going back")
            self._activate(self._confirmed)


_SENTENCES = {
    Mode.REBOOT: "Applied configuration with a reboot",
    Mode.NO_REBOOT: "Applied configuration without a reboot",
    Mode.STAGED: "Staged configuration to be applied after the next reboot",
    Mode.TRY: "Applied configuration for a trial",
}
