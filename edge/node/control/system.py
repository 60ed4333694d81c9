# SPDX-License-Identifier: Apache-2.0
"""Small settings of the machine: kernel parameters, the hardware watchdog, cluster identity."""

from pathlib import Path

from edge.node.control.controller import Controller
from edge.node.resource import kind


class SysctlController(Controller):
    """Sets the configured kernel parameters."""

    name = "runtime.KernelParamController"
    inputs = (kind.MACHINE_CONFIG,)

    async def reconcile(self) -> None:
        """Write every parameter; one that the kernel refuses is a diagnostic, not a failure."""
        active = self.machine.active
        refused = []
        for name, value in (active.view.sysctls if active else {}).items():
            try:
                self.machine.platform.set_sysctl(name, value)
            except OSError as error:
                refused.append(f"kernel parameter {name} cannot be set: {error.strerror}")
        if refused:
            self.machine.diagnose("sysctl", "; ".join(refused))
        else:
            self.store.remove(kind.DIAGNOSTIC, "sysctl")


class WatchdogController(Controller):
    """Hands the configured watchdog to PID 1."""

    name = "runtime.WatchdogTimerController"
    inputs = (kind.MACHINE_CONFIG,)

    async def reconcile(self) -> None:
        """Ask for the configured device and time-out."""
        active = self.machine.active
        watchdog = active.view.watchdog if active else None
        if watchdog is None:
            return
        self.machine.platform.set_watchdog(Path(watchdog.device), int(watchdog.timeout_s))
        seconds = int(watchdog.timeout_s)
        spec = {
            "device": watchdog.device,
            "timeout": f"{seconds}s",
            "feedInterval": f"{seconds // 3}s",
        }
        self.store.put(kind.WATCHDOG_STATUS, "timer", spec, owner=self.name)


class ClusterController(Controller):
    """Publishes which cluster the node belongs to, and its root of trust."""

    name = "cluster.InfoController"
    inputs = (kind.MACHINE_CONFIG,)

    async def reconcile(self) -> None:
        """Publish cluster id and name."""
        active = self.machine.active
        if active is None:
            return
        info = {"clusterId": active.view.cluster_id, "clusterName": active.view.cluster_name}
        self.store.put(kind.CLUSTER_INFO, "current", info, owner=self.name)
