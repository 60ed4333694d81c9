# SPDX-License-Identifier: Apache-2.0
"""Which links an interface of the configuration is about: the one of its name, or those it fits.

Addresses belong to one link: of several that a selector fits, the first by name gets them.
"""

import fnmatch
from typing import TYPE_CHECKING, Any

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
