# SPDX-License-Identifier: Apache-2.0
"""Hide what is secret in documents; the models say what that is, names and looks add to it."""

from collections.abc import Mapping
from typing import Any

from edge.config.encode import encode
from edge.config.mask import MASK, Mask, is_secret_name, mask_text
from edge.config.model import Secret
from edge.config.shape import Shape, document_shape
from edge.config.stream import parse_stream
from edge.errors import ConfigError


def redact_text(text: str, *, source: str = "config.yaml") -> str:
    """Return a machine configuration with its secrets masked.

    Raises:
        ConfigError: when it is none, so that nobody could tell its secrets.
    """
    documents = [raw.value for raw in parse_stream(text, source=source)]
    if not all(isinstance(document, Mapping) for document in documents):
        raise ConfigError(f"{source} has a document that is no mapping")
    return encode([redact(document) for document in documents])


def redact(document: Mapping[str, Any], *, mask: Mask = lambda _: MASK) -> dict[str, Any]:
    """Return a document with `mask` in place of each secret that is not empty."""
    redacted: dict[str, Any] = _redact(document, document_shape(document), mask, hide=False)
    return redacted


def _redact(value: Any, shape: Shape, mask: Mask, *, hide: bool) -> Any:
    hide = hide or shape.marker(Secret) is not None
    if isinstance(value, Mapping):
        return {
            key: _redact(inner, shape.child(key), mask, hide=hide or _is_secret(shape, str(key)))
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_redact(inner, shape.item, mask, hide=hide) for inner in value]
    if hide:
        is_nothing = value is None or value == "" or isinstance(value, bool)
        return value if is_nothing else mask(str(value))
    return mask_text(value, mask) if isinstance(value, str) else value


def _is_secret(shape: Shape, key: str) -> bool:
    """Say whether a key that no model knows is called as secrets are."""
    is_known = key in shape.keys or shape.child(key).is_struct
    return not is_known and is_secret_name(key)
