# SPDX-License-Identifier: Apache-2.0
"""How the Ethernet links of a board are connected: carrier, speed, duplex."""

from pathlib import Path
from typing import Any

from edge.node.control.block import read_text
from edge.node.control.controller import Controller
from edge.node.resource import kind

NET = Path("/sys/class/net")
_DUPLEX = {"half": "Half", "full": "Full"}


class EthernetController(Controller):
    """Publishes what the drivers say; a lab node has no Ethernet."""

    name = "network.EthernetStatusController"
    inputs = (kind.LINK_STATUS,)
    outputs = (kind.ETHERNET_STATUS,)
    period_s = 60.0

    async def reconcile(self) -> None:
        """Ask about every physical link."""
        if self.machine.platform.mode != "metal":
            return
        links = self.store.of_kind(kind.LINK_STATUS)
        names = [each.id for each in links if each.spec["type"] == "ether"]
        specs = {name: read_link(NET / name) for name in names if (NET / name / "device").exists()}
        self.store.publish(kind.ETHERNET_STATUS, specs, owner=self.name)


def read_link(folder: Path) -> dict[str, Any]:
    """Return carrier, speed and duplex of a link; a driver may know neither of the last two."""
    speed = read_text(folder / "speed")
    return {
        "linkState": read_text(folder / "carrier") == "1",
        "speedMbit": int(speed) if speed.isdigit() else 0,
        "duplex": _DUPLEX.get(read_text(folder / "duplex"), "Unknown"),
    }
