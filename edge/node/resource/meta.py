# SPDX-License-Identifier: Apache-2.0
"""The kinds and the namespaces as resources, by which clients find everything else."""

from typing import Any

from edge.node.resource.definition import Kind
from edge.node.resource.kind import (
    KINDS,
    META_KINDS,
    NAMESPACE,
    NAMESPACES,
    RESOURCE_DEFINITION,
)
from edge.node.resource.store import Store


def publish_definitions(store: Store) -> None:
    """Publish every kind and every namespace; doing it again changes nothing."""
    for kind in (KINDS | META_KINDS).values():
        store.put(RESOURCE_DEFINITION, kind.id, _definition(kind), owner="")
    for name, text in NAMESPACES.items():
        store.put(NAMESPACE, name, {"description": text}, owner="")


def _definition(kind: Kind) -> dict[str, Any]:
    return {
        "type": kind.type,
        "displayType": kind.singular,
        "aliases": list(kind.short_names()),
        "allAliases": list(kind.all_names()),
        "defaultNamespace": kind.namespace,
        "printColumns": [{"name": name, "jsonPath": path} for name, path in kind.columns],
        "sensitivity": "sensitive" if kind.sensitive else "",
    }
