# SPDX-License-Identifier: Apache-2.0
"""Announces this node by multicast DNS on every link that has an address."""

from discovery.advertise import Advertiser
from discovery.record import NodeRecord, NodeState
from edge.node.control.controller import Controller
from edge.node.identity import machine_uuid
from edge.node.log import logger
from edge.node.machine import Machine, Stage
from edge.node.resource import kind
from edge.node.service import State
from edge.pki.key import fingerprint

_log = logger("mdns")
_STATES = {Stage.MAINTENANCE: NodeState.MAINTENANCE, Stage.RUNNING: NodeState.RUNNING}


class DiscoveryController(Controller):
    """Keeps the announcement equal to what the node is."""

    name = "cluster.AnnounceController"
    inputs = (kind.ADDRESS_STATUS, kind.HOSTNAME_STATUS, kind.MACHINE_STATUS)
    period_s = 30.0

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._advertiser: Advertiser | None = None

    async def reconcile(self) -> None:
        """Announce the present record on the present links."""
        record = self._record()
        if self._advertiser is None:
            self._advertiser = Advertiser(record)
            self.machine.services.enter("mdns", State.RUNNING, "Announcing this node")
        await self._advertiser.update(record)
        for fault in await self._advertiser.set_interfaces(self._links()):
            _log.info("%s", fault)

    async def close(self) -> None:
        """Say goodbye on every link."""
        if self._advertiser:
            await self._advertiser.close()

    def _record(self) -> NodeRecord:
        image, machine = self.machine.platform.image, self.machine
        name = self.store.spec(kind.HOSTNAME_STATUS, "hostname").get("hostname", "edge")
        cluster = machine.active.view.cluster_name if machine.active else ""
        return NodeRecord(
            name=name,
            id=machine_uuid(machine),
            state=_STATES.get(machine.stage, NodeState.BOOTING),
            version=image.version,
            arch=image.arch,
            board=image.board,
            fingerprint=fingerprint(machine.key),
            card=machine.enrolment.id if machine.enrolment else "",
            cluster=cluster or "",
        )

    def _links(self) -> dict[str, list[str]]:
        links: dict[str, list[str]] = {}
        for each in self.store.of_kind(kind.ADDRESS_STATUS):
            if each.spec["scope"] == "global":
                links.setdefault(each.spec["linkName"], []).append(each.spec["local"])
        return links
