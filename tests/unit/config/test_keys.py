# SPDX-License-Identifier: Apache-2.0
"""Every key that upstream knows is modelled, and acted on or warned about."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_origin

import pytest

import edge.node
from edge.config.acted import acted_keys, idle_keys
from edge.config.document import KINDS
from edge.config.encode import encode
from edge.config.interface import InterfaceView, RouteView, SelectorView, StaticHost
from edge.config.kubelet import KubeletView
from edge.config.load import load
from edge.config.shape import Shape, document_shape
from edge.config.view import NodeView, Watchdog, view
from tests.fakes.documents import KEYS, value_at

_IDENTITY = ("apiVersion", "kind", "name")


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


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ("auto: stable", ()),
        ("auto: off\nhostname: n1", ()),
        ("auto: off", ("HostnameConfig auto",)),
    ],
)
def test_a_node_without_a_name_makes_one_anyway(keys: str, named: tuple[str, ...]) -> None:
    """Whoever switches that off is told that it has no effect."""
    text = f"apiVersion: v1alpha1\nkind: HostnameConfig\n{keys}\n"
    assert idle_keys(load(text)) == named


def test_what_a_node_acts_on_is_read_by_one() -> None:
    """A setting that reaches the view and nobody beyond it has no effect."""
    folder = Path(edge.node.__file__).parent
    read = {
        node.attr
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
    }
    inner = (NodeView, InterfaceView, RouteView, SelectorView, StaticHost, Watchdog, KubeletView)
    assert {each.name for model in inner for each in fields(model)} - read == set()


def _seen(document: dict[str, Any]) -> object:
    return view(load(encode([document])))


def _names(named: str, path: str) -> bool:
    key = named.rpartition(" ")[2]
    return path == key or path.startswith(f"{key}.")
