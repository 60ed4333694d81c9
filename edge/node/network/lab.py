# SPDX-License-Identifier: Apache-2.0
"""The network of a lab node: one loopback address of its own, given from outside.

Linux answers on all of 127.0.0.0/8, so nothing has to be configured and nothing is.
"""

from typing import TYPE_CHECKING

from edge.node.resource import kind
from edge.node.resource.store import Store

if TYPE_CHECKING:
    from edge.config.interface import NetworkView

_OWNER = "network.StatusController"


class LabNetwork:
    """Publishes the given address as if it were a link's."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def apply(self, view: "NetworkView | None") -> None:
        """Do nothing: the host's network is not the lab's to change."""

    async def observe(self, store: Store) -> None:
        """Publish the loopback link and the node's address on it."""
        link = {
            "index": 1,
            "type": "loopback",
            "hardwareAddr": "00:00:00:00:00:00",
            "mtu": 65536,
            "operationalState": "up",
            "kind": "",
            "linkState": True,
        }
        address = {
            "address": f"{self._address}/8",
            "local": self._address,
            "linkIndex": 1,
            "linkName": "lo",
            "family": "inet4",
            "scope": "global",
            "flags": "permanent",
            "priority": 0,
        }
        store.publish(kind.LINK_STATUS, {"lo": link}, owner=_OWNER)
        store.publish(kind.ADDRESS_STATUS, {f"lo/{self._address}/8": address}, owner=_OWNER)
        store.put(
            kind.RESOLVER_STATUS,
            "resolvers",
            {"dnsServers": [], "searchDomains": []},
            owner=_OWNER,
        )

    async def close(self) -> None:
        """Do nothing: there are no sockets."""
