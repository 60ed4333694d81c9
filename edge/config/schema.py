# SPDX-License-Identifier: Apache-2.0
"""The JSON schema of machine configurations, made from the models, for editors and other tools.

`python3 dev.py generate` writes it to `schema.json`. A YAML stream is checked document by
document, so the schema says which form a document of each kind has.
"""

import json
from collections.abc import Mapping
from inspect import getdoc
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MinLen
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from edge.config.document import KINDS
from edge.config.shape import Shape, document_shape

SCHEMA = Path(__file__).with_name("schema.json")
_MODELINE = "# yaml-language-server: $schema="
_ROOT = "Root"
_TYPES = {str: "string", int: "integer", bool: "boolean", float: "number"}
# What a text may be written as, because upstream takes it as it stands.
_TEXT = ("string", "number", "boolean")
_REQUIRED = ("apiVersion", "kind", "name", "version")


def with_modeline(text: str) -> str:
    """Return a configuration that tells editors where its schema is."""
    return text if text.startswith(_MODELINE) else f"{modeline()}\n{text}"


def modeline() -> str:
    """Return the comment that tells editors where the schema of this installation is."""
    return f"{_MODELINE}{SCHEMA.as_uri()}"


def build_schema() -> dict[str, Any]:
    """Return the schema of one document of a machine configuration."""
    definitions: dict[str, Any] = {"Text": {"type": [*_TEXT, "null"]}}
    _define(document_shape({}), definitions)
    for kind in sorted(KINDS):
        defined = _define(document_shape({"kind": kind}), definitions)
        definitions[defined]["properties"]["kind"] = {"const": kind}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Machine configuration",
        "type": "object",
        "properties": {"kind": {"enum": sorted(KINDS)}},
        "if": {"required": ["kind"]},
        "then": {"allOf": [_of_kind(kind) for kind in sorted(KINDS)]},
        "else": _reference(_ROOT),
        "definitions": dict(sorted(definitions.items())),
    }


def dump_schema() -> str:
    """Return the schema as it is kept."""
    return json.dumps(build_schema(), indent=1, ensure_ascii=False) + "\n"


def _of_kind(kind: str) -> dict[str, Any]:
    return {"if": {"properties": {"kind": {"const": kind}}}, "then": _reference(kind)}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


def _define(shape: Shape, definitions: dict[str, Any]) -> str:
    """Add the definition of a mapping with known keys, and of all within; return its name."""
    model = shape.annotation
    is_document = model.__name__ in KINDS or model.__name__ == _ROOT
    # Names are unique in a module only.
    name = (
        model.__name__ if is_document else f"{model.__module__.rpartition('.')[2]}.{model.__name__}"
    )
    if name in definitions:
        return name
    definitions[name] = {}
    properties = {key: _describe(shape.child(key), definitions) for key in shape.keys}
    for key in ("apiVersion", "version"):
        if key in properties:
            properties[key] = {"const": "v1alpha1"}
    definitions[name] = {
        "description": getdoc(model),
        "type": "object" if is_document else ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
    }
    if is_document:
        definitions[name]["required"] = [key for key in _REQUIRED if key in properties]
    return name


def _describe(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    kind = get_origin(shape.annotation) or shape.annotation
    if shape.is_struct:
        return _reference(_define(shape, definitions))
    if kind is Literal:
        return {"enum": [*get_args(shape.annotation), None]}
    if kind is list:
        items = _describe(shape.item, definitions)
        return {"type": ["array", "null"], "items": items}
    if kind is dict:
        values = _describe(shape.child("*"), definitions)
        return {"type": ["object", "null"], "additionalProperties": values or True}
    return _describe_plain(shape) if kind in _TYPES else {}


def _describe_plain(shape: Shape) -> dict[str, Any]:
    is_converted = any(isinstance(marker, BeforeValidator) for marker in shape.markers)
    limits = _limits(shape)
    if is_converted and shape.annotation is str:
        # A name has to be given; other texts may be left empty.
        return {"type": list(_TEXT), **limits} if limits else _reference("Text")
    types = [_TYPES[shape.annotation], *(["string"] if is_converted else [])]
    return {"type": [*types, "null"], **limits}


def _limits(shape: Shape) -> Mapping[str, int]:
    limits: dict[str, Any] = {}
    for marker in shape.markers:
        for limit in marker.metadata if isinstance(marker, FieldInfo) else (marker,):
            if isinstance(limit, Ge):
                limits["minimum"] = limit.ge
            elif isinstance(limit, Le):
                limits["maximum"] = limit.le
            elif isinstance(limit, MinLen):
                limits["minLength"] = limit.min_length
    return limits


if __name__ == "__main__":
    SCHEMA.write_text(dump_schema(), encoding="utf-8")
