# SPDX-License-Identifier: Apache-2.0
"""Hide what is secret in documents; the models say what that is."""

from collections.abc import Callable, Mapping
from typing import Any

from edge.config.encode import encode
from edge.config.model import Secret
from edge.config.shape import Shape, document_shape
from edge.config.stream import parse_stream

MASK = "******"

Mask = Callable[[str], str]


def redact_text(text: str, *, source: str = "config.yaml") -> str:
    """Return a machine configuration with its secrets masked."""
    return encode([redact(raw.value) for raw in parse_stream(text, source=source)])


def redact(document: Mapping[str, Any], *, mask: Mask = lambda _: MASK) -> dict[str, Any]:
    """Return a document with `mask` in place of each secret that is not empty."""
    redacted: dict[str, Any] = _redact(document, document_shape(document), mask, hide=False)
    return redacted


def _redact(value: Any, shape: Shape, mask: Mask, *, hide: bool) -> Any:
    hide = hide or shape.marker(Secret) is not None
    if isinstance(value, Mapping):
        return {k: _redact(inner, shape.child(k), mask, hide=hide) for k, inner in value.items()}
    if isinstance(value, list):
        return [_redact(inner, shape.item, mask, hide=hide) for inner in value]
    return mask(str(value)) if hide and value not in (None, "") else value
