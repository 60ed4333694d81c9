# SPDX-License-Identifier: Apache-2.0
"""Small settings of the machine: kernel parameters and the hardware watchdog."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.node.boot.watchdog import DEFAULT_DEVICE, DEFAULT_TIMEOUT_S
from edge.node.control.block import read_text
from edge.node.control.controller import Controller
from edge.node.machine import Machine
from edge.node.resource import kind

PARAMETERS = Path("/proc/sys")


class SysctlController(Controller):
    """Sets the configured kernel parameters, and puts back what is no longer wanted."""

    name = "runtime.KernelParamController"
    inputs = (kind.MACHINE_CONFIG,)
    outputs = (kind.KERNEL_PARAM_SPEC, kind.KERNEL_PARAM_STATUS)

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._defaults: dict[str, str] = {}
        """What the kernel had before us, by the names of the parameters that we set."""

    async def reconcile(self) -> None:
        """Write every parameter; one that the kernel refuses is a diagnostic, not a failure."""
        active = self.machine.active
        wanted = dict(active.view.sysctls) if active else {}
        self._restore({name for name in self._defaults if name not in wanted})
        refused = {name: fault for name in wanted if (fault := self._set(name, wanted[name]))}
        specs = {
            _id(name): {"value": value, "ignoreErrors": False} for name, value in wanted.items()
        }
        self.store.publish(kind.KERNEL_PARAM_SPEC, specs, owner=self.name)
        statuses = {
            _id(name): self._status(name, value, refused=name in refused)
            for name, value in wanted.items()
        }
        self.store.publish(kind.KERNEL_PARAM_STATUS, statuses, owner=self.name)
        if refused:
            self.machine.diagnose("sysctl", "; ".join(refused.values()))
        else:
            self.store.remove(kind.DIAGNOSTIC, "sysctl")

    def _set(self, name: str, value: str) -> str:
        """Set a parameter and return what is wrong with it, or nothing."""
        before = self._read(name)
        try:
            self.machine.platform.set_sysctl(name, value)
        except OSError as error:
            return f"kernel parameter {name} cannot be set: {error.strerror}"
        self._defaults.setdefault(name, before)
        return ""

    def _restore(self, names: set[str]) -> None:
        for name in names:
            with suppress(OSError):
                if before := self._defaults.pop(name):
                    self.machine.platform.set_sysctl(name, before)

    def _status(self, name: str, value: str, *, refused: bool) -> dict[str, Any]:
        current = self._read(name)
        return {
            "current": current,
            "default": self._defaults.get(name, current),
            # Also where the kernel is not ours to change, as in the lab.
            "unsupported": refused or (not current and bool(value)),
        }

    def _read(self, name: str) -> str:
        if self.machine.platform.mode != "metal":
            return ""
        return read_text(PARAMETERS.joinpath(*_parts(name)))


class WatchdogController(Controller):
    """Hands the configured watchdog to PID 1, which has one of its own choice without."""

    name = "runtime.WatchdogTimerController"
    inputs = (kind.MACHINE_CONFIG,)
    outputs = (kind.WATCHDOG_CONFIG, kind.WATCHDOG_STATUS)

    async def reconcile(self) -> None:
        """Ask for the configured device and time-out."""
        active = self.machine.active
        watchdog = active.view.watchdog if active else None
        if watchdog is None:
            # Also when machined is new: the one before it may have asked for something.
            self.machine.platform.set_watchdog(DEFAULT_DEVICE, DEFAULT_TIMEOUT_S)
            self.store.remove(kind.WATCHDOG_CONFIG, "timer")
            self.store.remove(kind.WATCHDOG_STATUS, "timer")
            return
        self.machine.platform.set_watchdog(Path(watchdog.device), int(watchdog.timeout_s))
        seconds = int(watchdog.timeout_s)
        wanted = {"device": watchdog.device, "timeout": f"{seconds}s"}
        self.store.put(kind.WATCHDOG_CONFIG, "timer", wanted, owner=self.name)
        spec = wanted | {"feedInterval": f"{seconds // 3}s"}
        self.store.put(kind.WATCHDOG_STATUS, "timer", spec, owner=self.name)


def _parts(name: str) -> list[str]:
    # With slashes a part may hold dots, as sysctl(8) has it: net/ipv4/conf/eth0.100/rp_filter.
    return [part for part in name.split("/" if "/" in name else ".") if part not in ("", "..")]


def _id(name: str) -> str:
    return "proc.sys." + ".".join(_parts(name))
