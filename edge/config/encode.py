# SPDX-License-Identifier: Apache-2.0
"""Write documents out: keys in upstream's order, whatever order they came in."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge.config.dump import dump_stream
from edge.config.shape import Shape, document_shape

_FIRST = ("apiVersion", "kind", "name", "version")


def encode(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return plain documents as one YAML stream."""
    return dump_stream([arrange(document) for document in documents])


def arrange(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return `document` with its known keys in upstream's order and the others after them."""
    arranged: dict[str, Any] = _arrange(document, document_shape(document))
    first = {key: arranged[key] for key in _FIRST if key in arranged}
    return first | arranged


def _arrange(value: Any, shape: Shape) -> Any:
    if isinstance(value, list):
        return [_arrange(item, shape.item) for item in value]
    if not isinstance(value, Mapping):
        return value
    keys = [key for key in shape.keys if key in value]
    keys += [key for key in value if key not in shape.keys]
    return {key: _arrange(value[key], shape.child(key)) for key in keys}
