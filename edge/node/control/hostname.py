# SPDX-License-Identifier: Apache-2.0
"""Host name: the configured one, else the card's, else one made from the machine's identity."""

from edge.node.control.controller import Controller
from edge.node.identity import stable_name
from edge.node.metal import wanted_network
from edge.node.resource import kind


class HostnameController(Controller):
    """Sets the host name and publishes it."""

    name = "network.HostnameController"
    inputs = (kind.MACHINE_CONFIG, kind.META_KEY, kind.SYSTEM_INFORMATION)
    outputs = (kind.HOSTNAME_STATUS,)

    async def reconcile(self) -> None:
        """Give the machine its name."""
        wanted = wanted_network(self.machine)
        full = (wanted and wanted.hostname) or stable_name(self.machine)
        host, _, domain = full.partition(".")
        spec = {"hostname": host, "domainname": domain}
        if self.store.spec(kind.HOSTNAME_STATUS, "hostname") == spec:
            return
        self.machine.platform.set_hostname(full)
        self.store.put(kind.HOSTNAME_STATUS, "hostname", spec, owner=self.name)
