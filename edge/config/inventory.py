# SPDX-License-Identifier: Apache-2.0
"""The inventory: names, roles and labels that an operator gives to nodes.

    nodes:
      berlin-1:
        address: 10.0.7.11
        role: controlplane
        cluster: prod
        labels:
          site: berlin

`address` is where the node answers, with a port if it is not the usual one. `role` is
controlplane or worker. `cluster` is the context of the client configuration that the node belongs
to; without it the node belongs to every one. Labels are texts of the operator's own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edge.config.dump import dump_stream
from edge.config.file import write_file
from edge.config.stream import count_faults, parse_stream, spell_path
from edge.errors import ConfigError
from edge.text import read_text

ROLES = ("controlplane", "worker")
GROUPS = {"all": "", "controlplane": "controlplane", "workers": "worker"}
"""The groups there always are, and the role of their nodes."""

_KEYS = ("address", "role", "cluster", "labels")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"[A-Za-z0-9._%-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.%\w-]+\](?::[0-9]{1,5})?")
_V6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryNode:
    """One node as its operator knows it; what is empty was not said."""

    name: str
    address: str
    role: str = ""
    cluster: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def is_in(self, group: str) -> bool:
        """Say whether the node belongs to a group: all, controlplane, workers or KEY=VALUE."""
        if group in GROUPS:
            return GROUPS[group] in ("", self.role)
        key, _, value = group.partition("=")
        return self.labels.get(key) == value


Inventory = Mapping[str, InventoryNode]


def parse_inventory(text: str, *, source: str = "inventory.yaml") -> dict[str, InventoryNode]:
    """Read an inventory; an empty text is one without nodes.

    Raises:
        ConfigError: when it is not one; every fault is listed.
    """
    raws = parse_stream(text, source=source)
    if len(raws) > 1:
        raise ConfigError(f"{source} has {len(raws)} documents, not one")
    if not raws:
        return {}
    faults = tuple(
        f"{source}:{raws[0].lines.get(path, raws[0].line)}: {spell_path(path)}: {message}"
        for path, message in _faults(raws[0].value)
    )
    if faults:
        raise ConfigError(f"{source} has {count_faults(faults)}", faults=faults)
    nodes = raws[0].value.get("nodes") or {}
    return {name: _node(name, given) for name, given in nodes.items()}


def load_inventory(path: Path) -> dict[str, InventoryNode]:
    """Read the inventory at `path`; a file that is not there is one without nodes.

    Raises:
        ConfigError: when it cannot be read or is not one.
    """
    return parse_inventory(read_text(path), source=str(path)) if path.exists() else {}


def dump_inventory(inventory: Inventory) -> str:
    """Return `inventory` as YAML, its nodes sorted by name."""
    nodes = {name: _plain(inventory[name]) for name in sorted(inventory)}
    return dump_stream([{"nodes": nodes}])


def save_inventory(inventory: Inventory, path: Path) -> None:
    """Replace the inventory at `path`.

    Raises:
        ConfigError: when a node in it cannot be, or the file cannot be written.
    """
    text = dump_inventory(inventory)
    parse_inventory(text, source="the inventory")
    write_file(path, text)


def _faults(value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(value, dict):
        yield (), "an inventory is a mapping with the key nodes"
        return
    for key in value:
        if key != "nodes":
            yield (key,), "unknown key; an inventory has nodes"
    nodes = value.get("nodes") or {}
    if not isinstance(nodes, dict):
        yield ("nodes",), "is a mapping from names to nodes"
        return
    for name, node in nodes.items():
        for path, message in _node_faults(name, node):
            yield ("nodes", name, *path), message


def _node_faults(name: str, node: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    if name in GROUPS:
        yield (), "is the name of a group"
    elif not _NAME.fullmatch(name):
        yield (), "a name has letters, digits, dots, dashes and underscores"
    if not isinstance(node, dict):
        yield (), "a node is a mapping with an address"
        return
    for key in node:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            yield (key,), f"unknown key; {f'similar: {near[0]}' if near else ', '.join(_KEYS)}"
    address = node.get("address")
    if not isinstance(address, str) or not (_ADDRESS.fullmatch(address) or _V6.fullmatch(address)):
        yield ("address",) if "address" in node else (), "a node needs an address: HOST[:PORT]"
    if node.get("role") not in (None, *ROLES):
        yield ("role",), f"is {' or '.join(ROLES)}"
    if not isinstance(node.get("cluster", ""), str):
        yield ("cluster",), "is the name of a context"
    yield from _label_faults(node.get("labels"))


def _label_faults(labels: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    if labels is None:
        return
    if not isinstance(labels, dict):
        yield ("labels",), "are a mapping of texts"
        return
    for key, value in labels.items():
        # Numbers and the like count as they were written, so what is a text need not be quoted.
        if not _LABEL.fullmatch(key) or not _LABEL.fullmatch(_text(value)):
            yield ("labels", key), "a label has letters, digits, dots, slashes and dashes"


def _node(name: str, given: Mapping[str, Any]) -> InventoryNode:
    return InventoryNode(
        name=name,
        address=given["address"],
        role=given.get("role") or "",
        cluster=given.get("cluster") or "",
        labels={key: _text(value) for key, value in (given.get("labels") or {}).items()},
    )


def _text(value: Any) -> str:
    return str(getattr(value, "text", value)) if isinstance(value, (str, int, float)) else ""


def _plain(node: InventoryNode) -> dict[str, Any]:
    plain: dict[str, Any] = {"address": node.address}
    for key in ("role", "cluster", "labels"):
        if value := getattr(node, key):
            plain[key] = dict(value) if key == "labels" else value
    return plain
