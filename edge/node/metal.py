# SPDX-License-Identifier: Apache-2.0
"""The network that the card brought, and how it goes together with the configuration.

What the configuration says counts. About what it leaves open, links that it does not name, a
name, resolvers, META counts, so that a node stays where it was found when it is configured.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.meta import keys
from edge.node.machine import Machine
from edge.node.resource import kind

if TYPE_CHECKING:
    from edge.config.interface import NetworkView
    from edge.config.metal import MetalNetwork

_DIAGNOSTIC = "metal-network"


def metal_network(machine: Machine) -> "MetalNetwork | None":
    """Return the network in META, or nothing without one that can be read."""
    key = keys.key_name(keys.METAL_NETWORK)
    text = machine.store.spec(kind.META_KEY, key).get("value", "")
    found = _parse(machine, text) if text else None
    if found or not text:
        machine.store.remove(kind.DIAGNOSTIC, _DIAGNOSTIC)
    return found


def _parse(machine: Machine, text: str) -> "MetalNetwork | None":
    # Most cards bring none, and what reads them takes a board a moment to load.
    from edge.config.metal import parse_metal

    try:
        return parse_metal(text)
    except ConfigError as error:
        faults = "; ".join((error.message, *error.faults))
        machine.diagnose(_DIAGNOSTIC, f"the network that META brings cannot be used: {faults}")
        return None


def wanted_network(machine: Machine) -> "NetworkView | None":
    """Return what the configuration and META together want of the network."""
    view = machine.active.view if machine.active else None
    metal = metal_network(machine)
    if view is None or metal is None:
        return view or metal
    named = {each.name for each in view.interfaces if each.name}
    others = tuple(each for each in metal.interfaces if each.name not in named)
    return replace(
        view,
        hostname=view.hostname or metal.hostname,
        interfaces=(*view.interfaces, *others),
        nameservers=view.nameservers or metal.nameservers,
        search_domains=view.search_domains or metal.search_domains,
    )
