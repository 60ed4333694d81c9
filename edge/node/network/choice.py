# SPDX-License-Identifier: Apache-2.0
"""Which links an interface of the configuration is about, and the routes it wants there.

It is about the link of its name, or those that it fits. Addresses belong to one link: of several
that a selector fits, the first by name gets them.
"""

import fnmatch
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge.node.network.spec import IPV6_METRIC, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.config.interface import InterfaceView, SelectorView

    Links = Mapping[str, Mapping[str, Any]]


def is_chosen(name: str, wanted: "InterfaceView", links: "Links") -> bool:
    """Say whether the selector of `wanted` chooses the link `name` among `links`."""
    if wanted.selector is None or not _selects(wanted.selector, links[name]):
        return False
    fitting = [other for other, link in links.items() if _selects(wanted.selector, link)]
    return not wanted.addresses or name == min(fitting)


def wanted_routes(wanted: "InterfaceView | None") -> list[Route]:
    """Return the configured routes of a link as the kernel will have them."""
    routes = [
        Route(
            destination=str(each.destination or ""),
            gateway=str(each.gateway or ""),
            source=str(each.source or ""),
            metric=each.metric or 0,
            mtu=each.mtu or 0,
        )
        for each in (wanted.routes if wanted else ())
    ]
    return [
        replace(route, metric=IPV6_METRIC) if route.is_ipv6 and not route.metric else route
        for route in routes
    ]


def _selects(selector: "SelectorView", link: "Mapping[str, Any]") -> bool:
    """Say whether every given field of `selector` fits the link; patterns are shell globs."""
    pairs = (
        (selector.hardware_address, link["hardwareAddr"]),
        (selector.permanent_address, link["hardwareAddr"]),
        (selector.driver, link.get("driver", "")),
        (selector.bus_path, link.get("busPath", "")),
        (selector.pci_id, link.get("pciID", "")),
    )
    given = [(pattern, value) for pattern, value in pairs if pattern]
    if selector.physical is not None and selector.physical != bool(link.get("busPath")):
        return False
    return bool(given or selector.physical is not None) and all(
        fnmatch.fnmatchcase(value.lower(), pattern.lower()) for pattern, value in given
    )
