# SPDX-License-Identifier: Apache-2.0
"""The nodes that this machine knows, and what the words after `-n` mean.

They stand in the inventory, in the client configuration, in the lab, and on the cards that were
flashed here. A word that none of them knows is an address or a host name.
"""

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import NodeError
from edge.paths import cache_dir, config_dir, data_dir

if TYPE_CHECKING:
    from edge.config.inventory import InventoryNode
    from edge.config.talosconfig import Context
    from flasher.record import Card

GROUPS = ("all", "controlplane", "workers")
_LISTEN_S = 3.0
_ADDRESS = re.compile(r"\[.*\](:[0-9]+)?|[^:]*:[0-9]+|[^:]*:[^:]*:.*")


@dataclass(slots=True)
class Chosen:
    """Addresses in the order in which they were asked for, and what people call them."""

    addresses: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def add(self, address: str, name: str) -> None:
        """Take one more node, unless it is there."""
        if address not in self.addresses:
            self.addresses.append(address)
            if name != address:
                self.names[address] = name


def inventory_path() -> Path:
    """Return where the inventory is, or would be."""
    return config_dir() / "inventory.yaml"


def resolve(
    words: Sequence[str], context: "tuple[str, Context] | None", *, groups: bool = True
) -> Chosen:
    """Return the nodes that `words` mean for a context of the client configuration.

    Without a context every node counts, as in maintenance mode. Without `groups`, as in what
    nobody typed, every word is a single node.

    Raises:
        ConfigError: when the inventory cannot be read.
        NodeError: when a group has no node, or a card's node is not to be found.
    """
    chosen = Chosen()
    known: list[InventoryNode] | None = None
    for word in words:
        if is_address(word):
            chosen.add(word, word)
            continue
        known = known_nodes(context) if known is None else known
        if groups and (word in GROUPS or "=" in word):
            for node in _members(word, known, context):
                chosen.add(node.address, node.name)
        elif named := [node for node in (*known, *_lab_nodes(None)) if node.name == word]:
            chosen.add(named[0].address, word)
        else:
            chosen.add(_find_card(word) or word, word)
    return chosen


def known_nodes(context: "tuple[str, Context] | None") -> "list[InventoryNode]":
    """Return the nodes of a context: the inventory's, the lab's, and those it lists itself."""
    from edge.config.inventory import InventoryNode, load_inventory

    inventory = load_inventory(inventory_path()).values()
    remember(inventory)
    if context is None:
        return [*inventory, *_lab_nodes(None)]
    nodes = [each for each in inventory if each.cluster in ("", context[0])]
    nodes += _lab_nodes(context)
    listed = {node.address for node in nodes}
    for address in context[1].nodes:
        if address not in listed:
            role = "controlplane" if address in context[1].endpoints else ""
            nodes.append(InventoryNode(name=address, address=address, role=role))
    return nodes


def is_address(word: str) -> bool:
    """Say whether `word` cannot be a name: it is an IP address, or has a port."""
    with suppress(ValueError):
        return bool(ip_address(word))
    return _ADDRESS.fullmatch(word) is not None


def suggestions() -> list[tuple[str, str]]:
    """Return every word for `-n` and what it is, from what can be read at once.

    This is what a shell asks at every press of a key, so it loads no YAML unless somebody edited
    the inventory by hand.
    """
    groups = [(name, "group") for name in GROUPS]
    nodes, labels = _remembered()
    lab = [(fields["name"], f"lab, {fields['address']}") for fields in _lab_records()]
    return [*groups, *((label, "label") for label in labels), *nodes, *lab]


def remember(nodes: "Iterable[InventoryNode]") -> None:
    """Keep what completion needs of the inventory in a form that is read in no time."""
    nodes = list(nodes)
    labels = sorted({f"{key}={value}" for node in nodes for key, value in node.labels.items()})
    kept = {
        "stamp": _stamp(inventory_path()),
        "nodes": [(node.name, node.address) for node in nodes],
        "labels": labels,
    }
    # A cache that cannot be written costs some milliseconds, nothing else.
    with suppress(OSError):
        path = _cache_path()
        if not path.exists() or json.loads(path.read_text()) != json.loads(json.dumps(kept)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(kept))


def _remembered() -> tuple[list[tuple[str, str]], list[str]]:
    kept = _read_cache()
    if kept.get("stamp") != _stamp(inventory_path()):
        from edge.config.inventory import load_inventory

        remember(load_inventory(inventory_path()).values())
        kept = _read_cache()
    return [(name, address) for name, address in kept.get("nodes", [])], kept.get("labels", [])


def _read_cache() -> dict[str, Any]:
    with suppress(OSError, ValueError):
        kept = json.loads(_cache_path().read_text())
        if isinstance(kept, dict):
            return kept
    return {}


def _cache_path() -> Path:
    return cache_dir() / "inventory.json"


def _stamp(path: Path) -> list[object]:
    """Return what changes when the file does."""
    try:
        status = path.stat()
    except OSError:
        return [str(path), 0, 0]
    return [str(path), status.st_mtime_ns, status.st_size]


def _members(
    group: str, known: "Sequence[InventoryNode]", context: "tuple[str, Context] | None"
) -> "list[InventoryNode]":
    if found := [node for node in known if node.is_in(group)]:
        return found
    of = f" of context {context[0]!r}" if context and context[0] else ""
    raise NodeError(
        f"no known node{of} is in {group!r}",
        hint="edgectl inventory list shows the nodes; edgectl inventory add NAME ADDRESS",
    )


def _lab_nodes(context: "tuple[str, Context] | None") -> "list[InventoryNode]":
    """Return the lab's nodes, where the context is for the lab's cluster or there is none."""
    from edge.config.inventory import InventoryNode

    records = _lab_records()
    if not records:
        return []
    cluster = _lab_cluster()
    if context is not None and (cluster is None or cluster.ca != context[1].ca):
        return []
    first, members = (cluster.endpoints, cluster.nodes) if cluster else ((), ())
    nodes = []
    for fields in records:
        address = fields["address"]
        role = "controlplane" if address in first else "worker" if address in members else ""
        if context is None or role:
            nodes.append(InventoryNode(name=fields["name"], address=address, role=role))
    return nodes


def _lab_records() -> list[dict[str, str]]:
    """Return what the lab wrote down of its nodes; one that cannot be read is not there."""
    found = []
    for path in sorted((data_dir() / "lab").glob("*/node.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            fields = json.loads(path.read_text())
            found.append({"name": str(fields["name"]), "address": str(fields["address"])})
    return found


def _lab_cluster() -> "Context | None":
    path = data_dir() / "lab" / "talosconfig"
    if not path.exists():
        return None
    from edge.config.talosconfig import load_talosconfig

    return load_talosconfig(path).context()


def _find_card(word: str) -> str | None:
    """Return the address of the node that boots from the card called `word`."""
    from flasher.record import card_records

    cards = card_records().find_like(word)
    if not cards or _resolves(word):
        return None
    if address := _listen_for(cards):
        return address
    raise NodeError(
        f"{word}: a card of that name was flashed here, but its node is not on this network",
        hint=f"is it on? edgectl discover; or: edgectl inventory add {word} ADDRESS",
    )


def _resolves(name: str) -> bool:
    import socket

    try:
        return bool(socket.getaddrinfo(name, None))
    except (OSError, UnicodeError):
        return False


def _listen_for(cards: "Sequence[Card]") -> str:
    """Return where the node of one of `cards` says it is; who it is, TLS has to prove."""
    import asyncio
    from contextlib import aclosing

    from discovery.browse import watch

    fingerprints = {card.attempt.fingerprint for card in cards if card.attempt.fingerprint}

    async def listen() -> str:
        async with asyncio.timeout(_LISTEN_S), aclosing(watch()) as events:
            async for event in events:
                if event.node.fingerprint in fingerprints and event.node.addresses:
                    return event.node.endpoint
        return ""

    with suppress(TimeoutError, NodeError):
        return asyncio.run(listen())
    return ""
