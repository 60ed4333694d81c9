# SPDX-License-Identifier: Apache-2.0
"""Machine status: is the node ready, and if not, what is missing."""

from edge.node.control.controller import Controller
from edge.node.machine import Stage
from edge.node.resource import kind


class StatusController(Controller):
    """Publishes the stage and the unmet conditions."""

    name = "runtime.MachineStatusController"
    inputs = (kind.NETWORK_STATUS, kind.SERVICE, kind.TIME_STATUS, kind.MACHINE_STATUS)
    outputs = (kind.MACHINE_STATUS,)

    async def reconcile(self) -> None:
        """Judge readiness; it has a meaning while booting and running only."""
        stage = self.machine.stage
        unmet = self._unmet() if stage in (Stage.BOOTING, Stage.RUNNING) else []
        status = {"ready": not unmet, "unmetConditions": unmet}
        self.machine.publish_status(stage, status)

    def _unmet(self) -> list[dict[str, str]]:
        checks = {
            "network": (self._network_ready(), "no address is configured on any link"),
            "services": (self.machine.services.all_healthy(), "not all services are healthy"),
        }
        return [
            {"name": name, "reason": reason} for name, (met, reason) in checks.items() if not met
        ]

    def _network_ready(self) -> bool:
        return bool(self.store.spec(kind.NETWORK_STATUS, "status").get("addressReady"))
