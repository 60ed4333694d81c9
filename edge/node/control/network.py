# SPDX-License-Identifier: Apache-2.0
"""Network: applies the configuration to the links and publishes addresses and readiness."""

import ipaddress

from edge.node.control.controller import Controller
from edge.node.machine import Machine
from edge.node.metal import wanted_network
from edge.node.resource import kind


class NetworkController(Controller):
    """Configures links once for every new configuration and for every link that appears."""

    name = "network.ConfigController"
    inputs = (kind.MACHINE_CONFIG, kind.META_KEY, kind.LINK_STATUS)
    period_s = 30.0

    async def reconcile(self) -> None:
        """Bring the links to what the active configuration, or META without one, wants."""
        await self.machine.platform.network.apply(wanted_network(self.machine))

    async def close(self) -> None:
        """Stop DHCP."""
        await self.machine.platform.network.close()


class NetworkStatusController(Controller):
    """Publishes links, addresses and routes, and which of the addresses are this node's own."""

    name = "network.StatusController"
    # Of addresses, because a lease publishes those at once.
    inputs = (kind.MACHINE_CONFIG, kind.ADDRESS_STATUS)
    outputs = (
        kind.LINK_STATUS,
        kind.ADDRESS_STATUS,
        kind.ROUTE_STATUS,
        kind.RESOLVER_STATUS,
        kind.NODE_ADDRESS,
        kind.NETWORK_STATUS,
        kind.HARDWARE_ADDRESS,
    )
    period_s = 1.0

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._ever: set[str] = set()

    async def reconcile(self) -> None:
        """Look at the network and publish it."""
        await self.machine.platform.network.observe(self.store)
        addresses = {
            each.spec["address"]
            for each in self.store.of_kind(kind.ADDRESS_STATUS)
            if each.spec["scope"] == "global" and not _is_host_only(each.spec)
        }
        self._publish_addresses(sorted(addresses, key=_order))
        self._publish_hardware()
        self._publish_status(ready=bool(addresses))

    def _publish_addresses(self, addresses: list[str]) -> None:
        self._ever.update(addresses)
        kinds = {
            "current": addresses,
            "routed": addresses,
            "default": self._default(addresses),
            "accumulative": sorted(self._ever, key=_order),
        }
        for name, chosen in kinds.items():
            spec = {"addresses": chosen, "sortAlgorithm": "v1"}
            self.store.put(kind.NODE_ADDRESS, name, spec, owner=self.name)

    def _default(self, addresses: list[str]) -> list[str]:
        # The one that a node is known by stays while it is there.
        known = self.store.spec(kind.NODE_ADDRESS, "default").get("addresses", [])
        return [each for each in known if each in addresses] or addresses[:1]

    def _publish_hardware(self) -> None:
        links = self.store.of_kind(kind.LINK_STATUS)
        first = next((each for each in links if each.spec["type"] == "ether"), None)
        if first:
            spec = {"name": first.id, "hardwareAddr": first.spec["hardwareAddr"]}
            self.store.put(kind.HARDWARE_ADDRESS, "first", spec, owner=self.name)

    def _publish_status(self, *, ready: bool) -> None:
        spec = {
            "addressReady": ready,
            "connectivityReady": ready,
            "hostnameReady": self.store.get(kind.HOSTNAME_STATUS, "hostname") is not None,
            "etcFilesReady": True,
        }
        self.store.put(kind.NETWORK_STATUS, "status", spec, owner=self.name)


def _is_host_only(spec: dict[str, str]) -> bool:
    address = ipaddress.ip_interface(spec["address"]).ip
    return address.is_link_local or (address.is_loopback and spec["scope"] == "host")


def _order(text: str) -> tuple[int, str]:
    return ipaddress.ip_interface(text).version, text


def own_addresses(addresses: list[str]) -> list[str]:
    """Return the bare addresses of prefixes such as "10.0.0.2/24"."""
    return [str(ipaddress.ip_interface(each).ip) for each in addresses]
