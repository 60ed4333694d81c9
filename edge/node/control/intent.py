# SPDX-License-Identifier: Apache-2.0
"""What is wanted of the network: each setting with the layer that it comes from, and the result.

Inputs are in the namespace network-config, named after their layer; the results, which the
links are brought to, in the namespace network. The configuration wins over what the card brought.
"""

from typing import TYPE_CHECKING, Any

from edge.node.control.block import Specs
from edge.node.control.controller import Controller
from edge.node.metal import metal_network
from edge.node.network.choice import is_chosen
from edge.node.resource import kind
from edge.node.resource.definition import Kind

if TYPE_CHECKING:
    from edge.config.interface import InterfaceView, NetworkView, RouteView

INPUTS = "network-config"
CONFIGURATION, PLATFORM = "configuration", "platform"
_FAMILIES = {4: "inet4", 6: "inet6"}
_KINDS = (
    kind.HOSTNAME_SPEC,
    kind.RESOLVER_SPEC,
    kind.TIME_SERVER_SPEC,
    kind.LINK_SPEC,
    kind.ADDRESS_SPEC,
    kind.ROUTE_SPEC,
    kind.OPERATOR_SPEC,
)
Wanted = dict[Kind, Specs]


class IntentController(Controller):
    """Publishes what the configuration and the card want of the network."""

    name = "network.MergeController"
    inputs = (kind.MACHINE_CONFIG, kind.META_KEY, kind.LINK_STATUS)
    outputs = (*_KINDS, kind.STATIC_HOST)

    async def reconcile(self) -> None:
        """Publish every layer, and what they make together."""
        active = self.machine.active.view if self.machine.active else None
        metal = metal_network(self.machine)
        links = {each.id: each.spec for each in self.store.of_kind(kind.LINK_STATUS)}
        layers = {
            PLATFORM: _wanted(metal, PLATFORM, links),
            CONFIGURATION: _wanted(active, CONFIGURATION, links),
        }
        if active and active.time_servers:
            spec = {"timeServers": list(active.time_servers), "layer": CONFIGURATION}
            layers[CONFIGURATION][kind.TIME_SERVER_SPEC] = {"timeservers": spec}
        for each in _KINDS:
            merged: Specs = {}
            inputs: Specs = {}
            for layer, wanted in layers.items():
                specs = wanted.get(each, {})
                merged |= specs
                inputs |= {f"{layer}/{name}": spec for name, spec in specs.items()}
            self.store.publish(each, inputs, owner=self.name, namespace=INPUTS)
            self.store.publish(each, merged, owner=self.name)
        self._publish_hosts(active)

    def _publish_hosts(self, view: "NetworkView | None") -> None:
        hosts: dict[str, list[str]] = {}
        for entry in view.static_hosts if view else ():
            for name in entry.names:
                hosts.setdefault(name, []).append(str(entry.address))
        specs = {name: {"addresses": found} for name, found in hosts.items()}
        self.store.publish(kind.STATIC_HOST, specs, owner=self.name)


def _wanted(view: "NetworkView | None", layer: str, links: Specs) -> Wanted:
    if view is None:
        return {}
    wanted: Wanted = {each: {} for each in _KINDS}
    if view.hostname:
        host, _, domain = view.hostname.partition(".")
        spec = {"hostname": host, "domainname": domain, "layer": layer}
        wanted[kind.HOSTNAME_SPEC]["hostname"] = spec
    if view.nameservers or view.search_domains:
        wanted[kind.RESOLVER_SPEC]["resolvers"] = {
            "dnsServers": [str(each) for each in view.nameservers],
            "searchDomains": list(view.search_domains),
            "layer": layer,
        }
    for interface in view.interfaces:
        for name in _names(interface, links):
            _add_interface(wanted, name, interface, layer)
    return wanted


def _names(interface: "InterfaceView", links: Specs) -> list[str]:
    if interface.ignore:
        return []
    if interface.name:
        return [interface.name]
    return [name for name in links if is_chosen(name, interface, links)]


def _add_interface(wanted: Wanted, name: str, interface: "InterfaceView", layer: str) -> None:
    wanted[kind.LINK_SPEC][name] = {
        "name": name,
        "logical": False,
        "up": interface.up,
        "mtu": interface.mtu or 0,
        "kind": "",
        "type": "ether",
        "layer": layer,
    }
    for address in interface.addresses:
        wanted[kind.ADDRESS_SPEC][f"{name}/{address}"] = {
            "address": str(address),
            "linkName": name,
            "family": _FAMILIES[address.version],
            "scope": "global",
            "flags": "permanent",
            "layer": layer,
        }
    for route in interface.routes:
        spec = _route(name, route, layer)
        key = (spec["family"], spec["gateway"], spec["dst"], str(spec["priority"]))
        wanted[kind.ROUTE_SPEC]["/".join(key)] = spec
    if interface.dhcp:
        wanted[kind.OPERATOR_SPEC][f"dhcp4/{name}"] = {
            "operator": "dhcp4",
            "linkName": name,
            "requireUp": True,
            "dhcp4": {"routeMetric": interface.dhcp_route_metric or 1024},
            "layer": layer,
        }


def _route(link: str, route: "RouteView", layer: str) -> dict[str, Any]:
    via = route.gateway or route.destination or route.source
    spec = {
        "family": _FAMILIES[via.version] if via else "inet4",
        "dst": str(route.destination) if route.destination else "",
        "gateway": str(route.gateway) if route.gateway else "",
        "outLinkName": link,
        "table": "main",
        "priority": route.metric or 1024,
        "scope": "global",
        "type": "unicast",
        "protocol": "static",
        "layer": layer,
    }
    return spec | ({"src": str(route.source)} if route.source else {})
