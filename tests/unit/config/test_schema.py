# SPDX-License-Identifier: Apache-2.0
"""The JSON schema says what the models say."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge.config.generate import Generated
from edge.config.load import load
from edge.config.schema import SCHEMA, dump_schema, modeline, with_modeline
from edge.config.stream import parse_stream
from tests.fakes.documents import KEYS, value_at

SCHEMA_VALUE = json.loads(SCHEMA.read_text())
_TYPES: dict[str, Any] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def fits(value: Any, schema: Any) -> bool:
    """Say whether a value fits a schema that is written with the keywords that ours uses."""
    if schema is True:
        return True
    if "$ref" in schema:
        return fits(value, SCHEMA_VALUE["definitions"][schema["$ref"].rpartition("/")[2]])
    if "if" in schema and not fits(
        value, schema["then"] if fits(value, schema["if"]) else schema.get("else", True)
    ):
        return False
    if not all(fits(value, each) for each in schema.get("allOf", [])):
        return False
    return _is_typed(value, schema) and _is_in_limits(value, schema) and _holds(value, schema)


def _is_typed(value: Any, schema: Mapping[str, Any]) -> bool:
    given = schema.get("type", list(_TYPES))
    names = given if isinstance(given, list) else [given]
    is_flag = isinstance(value, bool)
    return any(isinstance(value, _TYPES[name]) and is_flag <= (name == "boolean") for name in names)


def _is_in_limits(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        return False
    return value in schema.get("enum", [value]) and value == schema.get("const", value)


def _holds(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, list):
        return all(fits(item, schema.get("items", True)) for item in value)
    if not isinstance(value, Mapping):
        return True
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    return set(schema.get("required", [])) <= set(value) and all(
        fits(inner, known[key]) if key in known else others is not False and fits(inner, others)
        for key, inner in value.items()
    )


def test_schema_is_what_the_models_say() -> None:
    """`python3 dev.py generate` has nothing to change."""
    assert SCHEMA.read_text() == dump_schema()


@pytest.mark.parametrize(("kind", "path"), KEYS)
def test_every_key_fits(kind: str, path: str) -> None:
    """What upstream knows is known to the schema."""
    assert fits(value_at(kind, path), SCHEMA_VALUE)


def test_generated_configurations_fit(generated: Generated) -> None:
    """Root document and others, as they are written."""
    for text in (generated.controlplane, generated.worker):
        for raw in parse_stream(text, source="x"):
            assert fits(raw.value, SCHEMA_VALUE)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"version": "v2"},
        {"version": "v1alpha1", "machin": {}},
        {"version": "v1alpha1", "machine": {"typ": "worker"}},
        {"version": "v1alpha1", "machine": {"certSANs": "a"}},
        {"version": "v1alpha1", "machine": {"network": {"interfaces": [{"dhcp": "yes"}]}}},
        {"version": "v1alpha1", "machine": {"features": {"kubePrism": {"port": 0}}}},
        {"apiVersion": "v1alpha1", "kind": "Nonsense"},
        {"apiVersion": "v1alpha1", "kind": "LinkConfig"},
        {"apiVersion": "v1alpha1", "kind": "LinkConfig", "name": ""},
        {"apiVersion": "v1alpha1", "kind": "LinkConfig", "name": "eth0", "mtu": "big"},
        {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "on"},
        {"kind": "HostnameConfig", "auto": "off"},
    ],
)
def test_what_no_model_takes_does_not_fit(document: dict[str, Any]) -> None:
    """An editor marks what a node would refuse."""
    assert not fits(document, SCHEMA_VALUE)


def test_modeline() -> None:
    """Editors find the schema of this installation, and nothing else changes."""
    text = with_modeline("version: v1alpha1\n")
    first, rest = text.split("\n", 1)
    assert first == modeline() == f"# yaml-language-server: $schema={SCHEMA.as_uri()}"
    assert rest == "version: v1alpha1\n"
    assert with_modeline(text) == text
    assert load(text).root
    assert Path(first.partition("$schema=file://")[2]).is_file()
