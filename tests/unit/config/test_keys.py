# SPDX-License-Identifier: Apache-2.0
"""Every key that upstream knows is modelled, and acted on or warned about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError

from edge.config.acted import acted_keys, idle_keys
from edge.config.document import KINDS
from edge.config.encode import encode
from edge.config.load import load
from edge.config.shape import Shape, document_shape
from edge.config.view import view

GOLDEN = Path(__file__).parents[2] / "golden/config"

# Leaves of upstream's documents, `*` standing for the keys of a free mapping; the root has no kind.
KEYS = [("", path) for path in (GOLDEN / "root-keys.txt").read_text().split()] + [
    (kind, path)
    for kind, path in map(str.split, (GOLDEN / "document-keys.txt").read_text().splitlines())
]
_IDENTITY = ("apiVersion", "kind", "name")

_CANDIDATES = (7, "https://10.2.2.2", "10.9.8.1", "10.7.0.0/16", "3m", "1GB", "eA==", 420)

# What has an effect where another value, or the lack of one, has none.
_PARTICULAR: dict[tuple[str, str], Any] = {
    ("", "machine.type"): "worker",
    ("", "machine.network.interfaces.dhcpOptions.ipv4"): False,
    ("LinkConfig", "up"): False,
    ("TimeSyncConfig", "enabled"): False,
}


def value_at(kind: str, path: str) -> dict[str, Any]:
    """Return a document that says something at `path` and nothing else of its own."""
    value: dict[str, Any] = {"version": "v1alpha1"}
    if kind:
        value = {"apiVersion": "v1alpha1", "kind": kind}
        if "name" in document_shape(value).keys:
            value["name"] = "10.1.1.1" if kind == "StaticHostConfig" else "eth0"
    holder, shape, keys = value, document_shape(value), path.split(".")
    for at, key in enumerate(keys[:-1]):
        shape, inner = shape.child(key), dict[str, Any]()
        holder[key] = [inner] if shape.item != Shape() else inner
        shape = shape.item if shape.item != Shape() else shape
        _complete(keys[: at + 1], inner)
        holder = inner
    if (kind, path) == ("WatchdogTimerConfig", "timeout"):
        holder["device"] = "/dev/watchdog0"
    last = shape.child(keys[-1])
    holder[keys[-1]] = [_sample(last.item)] if last.item != Shape() else _sample(last)
    if (kind, path) in _PARTICULAR:
        holder[keys[-1]] = _PARTICULAR[kind, path]
    return value


def _complete(keys: list[str], holder: dict[str, Any]) -> None:
    """Add what a value needs beside it to have a meaning."""
    beside: dict[str, dict[str, Any]] = {
        "interfaces": {"interface": "eth0", "dhcp": True},
        "routes": {"gateway": "10.9.8.1"},
        "extraHostEntries": {"ip": "10.1.1.1", "aliases": ["x"]},
    }
    holder.update(beside.get(keys[-1], {}))


def _sample(shape: Shape) -> Any:
    if get_origin(shape.annotation) is Literal:
        return get_args(shape.annotation)[-1]
    if shape.is_struct:
        return {}
    if get_origin(shape.annotation) is dict:
        return {"x": _sample(shape.child("x"))}
    if shape.annotation in (bool, Any):
        return True
    return next(each for each in _CANDIDATES if _is_valid(each, shape))


def _is_valid(value: Any, shape: Shape) -> bool:
    # Texts take numbers, too; those that want a form shall get it.
    if shape.annotation is str and not isinstance(value, str):
        return False
    try:
        annotated: Any = Annotated[shape.annotation, *shape.markers]
        TypeAdapter(annotated).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def leaves(shape: Shape, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the leaves below a shape in the form of the golden files."""
    while shape.item != Shape():
        shape = shape.item
    if shape.is_struct and shape.keys:
        for key in shape.keys:
            yield from leaves(shape.child(key), (*path, key))
    elif get_origin(shape.annotation) is dict:
        yield from leaves(shape.child("*"), (*path, "*"))
    else:
        yield ".".join(path)


def test_models_are_upstreams_documents() -> None:
    """Kinds and keys are exactly upstream's."""
    assert {kind for kind, _ in KEYS} == {"", *KINDS}
    for kind in ("", *KINDS):
        shape = document_shape({"kind": kind} if kind else {})
        ours = {leaf.removesuffix(".*") for leaf in leaves(shape)} - {"apiVersion", "kind"}
        theirs = {path.removesuffix(".*") for of, path in KEYS if of == kind}
        assert ours == theirs, kind


@pytest.mark.parametrize(("kind", "path"), KEYS)
def test_key_is_acted_on_or_named_in_a_warning(kind: str, path: str) -> None:
    """There is no third way."""
    text = encode([value_at(kind, path)])
    named = idle_keys(load(text))
    acted = acted_keys(kind)
    whole = kind if kind and acted is None else ""
    if whole:
        assert len(named) == 1
        assert named[0].startswith(whole)
    elif path in _IDENTITY or any(path == key or path.startswith(f"{key}.") for key in acted or ()):
        assert not named
    else:
        assert any(_names(each, path) for each in named), named


ACTED = [
    (kind, path)
    for kind, path in KEYS
    if any(path == key or path.startswith(f"{key}.") for key in acted_keys(kind) or ())
    # These can only have one value.
    and path not in ("version", "persist")
]


@pytest.mark.parametrize(("kind", "path"), ACTED)
def test_key_that_is_acted_on_changes_what_a_node_does(kind: str, path: str) -> None:
    """Nothing is claimed to have an effect without reaching the node."""
    with_key, without = value_at(kind, path), value_at(kind, path)
    keys = path.split(".")
    holder: Any = without
    for key in keys[:-1]:
        holder = holder[key]
        holder = holder[0] if isinstance(holder, list) else holder
    del holder[keys[-1]]
    assert _seen(with_key) != _seen(without)


def _seen(document: dict[str, Any]) -> object:
    return view(load(encode([document])))


def _names(named: str, path: str) -> bool:
    key = named.rpartition(" ")[2]
    return path == key or path.startswith(f"{key}.")
