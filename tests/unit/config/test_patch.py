# SPDX-License-Identifier: Apache-2.0
"""Patches: a folder a case under tests/golden/patches, and laws."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.document import KINDS
from edge.config.encode import encode
from edge.config.load import identify
from edge.config.model import MergeBy, Replace
from edge.config.patch import StrategicPatch, merge, parse_patch, patch_config, read_patch
from edge.config.shape import Shape, document_shape
from edge.config.stream import parse_stream
from edge.errors import ConfigError
from tests.fakes.documents import KEYS, value_at

PATCHES = Path(__file__).parents[2] / "golden/patches"
IDENTITY = ("apiVersion", "kind", "name", "version")
CONFIG = "version: v1alpha1\nmachine:\n    type: worker\n"
TWO = f"{CONFIG}---\napiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n"


@pytest.mark.parametrize("case", sorted(path.name for path in PATCHES.iterdir()))
def test_case(case: str) -> None:
    """A configuration patched by every patch of its folder is the expected one."""
    folder = PATCHES / case
    patches = [read_patch(f"@{path}") for path in sorted(folder.glob("patch-*"))]
    patched = patch_config((folder / "config.yaml").read_text(), patches)
    assert patched == (folder / "expected.yaml").read_text()


def test_ways_to_give_a_patch(tmp_path: Path) -> None:
    """A patch is a file, with or without @, or its text as YAML or JSON."""
    path = tmp_path / "patch.yaml"
    path.write_text("debug: true\n")
    expected = patch_config(CONFIG, [read_patch(f"@{path}")])
    assert "debug: true" in expected
    for argument in (str(path), "debug: true", '{"debug": true}'):
        assert patch_config(CONFIG, [read_patch(argument)]) == expected


def test_no_patch_changes_nothing() -> None:
    """Without patches even the layout stays."""
    text = "# a comment\nversion: v1alpha1\n"
    assert patch_config(text, []) == text


def test_elements_without_their_key_are_the_same() -> None:
    """As upstream has it: a missing name is an empty one; an interface has to have one of two."""
    config = "machine: {network: {interfaces: [{interface: a, vlans: [{mtu: 1}]}, {mtu: 2}]}}"
    patch = "machine: {network: {interfaces: [{interface: a, vlans: [{dhcp: true}]}, {mtu: 3}]}}"
    patched = patch_config(f"version: v1alpha1\n{config}\n", [parse_patch(patch)])
    (raw,) = parse_stream(patched, source="x")
    assert raw.value["machine"]["network"]["interfaces"] == [
        {"interface": "a", "vlans": [{"mtu": 1, "dhcp": True}]},
        {"mtu": 2},
        {"mtu": 3},
    ]


def fault_of(patch: str, config: str = CONFIG) -> str:
    with pytest.raises(ConfigError) as caught:
        patch_config(config, [parse_patch(patch)])
    return "\n".join([caught.value.message, *caught.value.faults])


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        ("machine: {typ: x}", 'patch:1: machine.typ: unknown key; did you mean "type"?'),
        ("machine:\n  type: [x]", "patch:2: machine.type: a text is expected"),
        ("kind: Nonsense\napiVersion: v1alpha1", "patch:1: Nonsense: there is no such kind"),
        ("machine: {token: {$patch: delete}}", "delete path machine.token: lookup failed"),
        ("machine: {certSANs: [{a: b, $patch: delete}]}", "machine.certSANs[0].a: lookup failed"),
        (
            "machine: {disks: [{device: {a: b}, $patch: delete}]}",
            "patch:1: machine.disks[0]: a list element is deleted by one key with a plain value",
        ),
        ("machine: {token: {$patch: remove}}", "patch:1: machine.token.$patch: must be delete"),
        ("version: v1alpha1\n$patch: delete", "the root document cannot be deleted"),
        ("[{op: add}]", 'patch:1: [0]: an operation with "op" and "path" is expected'),
        ("[{op: remove, path: /machine/token}]", "patch does not apply"),
        ("[{op: remove, path: machine}]", "patch does not apply"),
        ("[{op: add, path: /machine/typ, value: x}]", "machine.typ: unknown key"),
        ("- 1", "an operation"),
        ("just text", "a document must be a mapping"),
    ],
)
def test_what_does_not_apply(patch: str, fault: str) -> None:
    """A patch that is wrong, or does not fit, is refused and says where."""
    assert fault in fault_of(patch)


def test_deleting_what_is_not_there() -> None:
    """The document whose part is to be deleted is named."""
    patch = "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: {$patch: delete}"
    assert "delete path hostname of HostnameConfig: lookup failed" in fault_of(patch, TWO)


def test_json_patch_of_many_documents() -> None:
    """JSON patches are for configurations of one document."""
    fault = fault_of("[{op: add, path: /debug, value: true}]", TWO)
    assert "JSON patches work on configurations of one document" in fault


def test_patch_of_many_faults() -> None:
    """Every fault of a patch is reported at once."""
    fault = fault_of("machine: {a: 1, b: 2}\n---\nkind: C\n---\nkind: D")
    assert [line.split(":")[1] for line in fault.splitlines()[1:]] == ["1", "1", "3", "5"]


LABELS = st.dictionaries(st.text("abc", min_size=1, max_size=2), st.text("xyz", max_size=2))
ROOTS = st.builds(
    lambda labels, sans, kind: {
        "version": "v1alpha1",
        "machine": {"type": kind, "nodeLabels": labels, "certSANs": sans},
    },
    LABELS,
    st.lists(st.text("xyz", min_size=1, max_size=2), max_size=3),
    st.sampled_from(["worker", "controlplane"]),
)
NO_LISTS = st.builds(
    lambda labels: {"version": "v1alpha1", "machine": {"nodeLabels": labels}}, LABELS
)


def merged(
    documents: Sequence[Mapping[str, Any]], patch: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    return merge(documents, StrategicPatch((patch,), "patch"))


@given(ROOTS)
def test_empty_patch_is_identity(root: dict[str, Any]) -> None:
    """A patch that says nothing changes nothing."""
    assert merged([root], {"version": "v1alpha1", "machine": {}}) == [root]


@given(ROOTS, NO_LISTS)
def test_patches_without_lists_are_idempotent(root: dict[str, Any], patch: dict[str, Any]) -> None:
    """Where nothing is appended, patching twice is patching once."""
    once = merged([root], patch)
    assert merged(once, patch) == once


@given(ROOTS, ROOTS)
def test_lists_append(root: dict[str, Any], patch: dict[str, Any]) -> None:
    """Plain lists grow by what the patch lists; the base is left alone."""
    before = list(root["machine"]["certSANs"])
    (result,) = merged([root], patch)
    assert result["machine"]["certSANs"] == before + patch["machine"]["certSANs"]
    assert root["machine"]["certSANs"] == before


@given(ROOTS, ROOTS)
def test_patches_are_right_biased(root: dict[str, Any], patch: dict[str, Any]) -> None:
    """Whatever a patch says about a mapping or a scalar is so afterwards, but for empty texts."""
    (result,) = merged([root], patch)
    assert result["machine"]["type"] == patch["machine"]["type"]
    before = root["machine"]["nodeLabels"]
    said = patch["machine"]["nodeLabels"]
    assert result["machine"]["nodeLabels"] == (
        before | {key: value for key, value in said.items() if value or key not in before}
    )


def rules(shape: Shape, path: tuple[str, ...]) -> Iterator[str]:
    """Yield every rule below a shape, as the golden file spells it."""
    where = f"{path[0]} {'.'.join(path[1:])}"
    if shape.marker(Replace):
        yield f"{where} replace"
    if by := shape.marker(MergeBy):
        yield f"{where} {'replace-by' if by.replaces else 'merge'} {' '.join(by.keys)}"
    for key in shape.keys:
        yield from rules(shape.child(key), (*path, key))
    if shape.item != Shape():
        yield from rules(shape.item, path)
    elif not shape.is_struct and shape.child("*") != Shape():
        yield from rules(shape.child("*"), (*path, "*"))


def test_list_rules_are_upstreams() -> None:
    """What is replaced, and what merges by which keys; everything else is appended or merged."""
    known = (PATCHES.parent / "config/patch-rules.txt").read_text().splitlines()
    kinds = ["", *sorted(KINDS)]
    shapes = [(kind, document_shape({"kind": kind} if kind else {})) for kind in kinds]
    assert [rule for kind, shape in shapes for rule in rules(shape, (kind or "v1alpha1",))] == known


DOCUMENTS = st.sampled_from(KEYS).map(lambda key: value_at(*key))
STREAMS = st.lists(DOCUMENTS, max_size=6).map(
    lambda found: list({identify(each): each for each in found}.values())
)


def values(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the values of a document by their keys; a list is one value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from values(inner, (*path, key))
    else:
        yield path, value


@given(STREAMS, STREAMS)
def test_what_a_patch_leaves_out_stays(
    documents: list[dict[str, Any]], patch: list[dict[str, Any]]
) -> None:
    """Documents keep their places and their values; the base itself is never changed."""
    before = deepcopy(documents)
    after = merge(documents, StrategicPatch(tuple(patch), "patch"))
    assert documents == before
    assert [identify(each) for each in after[: len(before)]] == [identify(each) for each in before]
    said = {identify(each): dict(values(each)) for each in patch}
    for old, new in zip(before, after, strict=False):
        now = dict(values(new))
        for path, value in values(old):
            touched = said.get(identify(old), {})
            if not any(each[: len(path)] == path[: len(each)] for each in touched):
                assert now[path] == value


@given(STREAMS)
def test_nothing_is_the_identity(documents: list[dict[str, Any]]) -> None:
    """No documents, or documents that only say who they are, change nothing."""
    assert merge(documents, StrategicPatch((), "patch")) == documents
    names = [{k: v for k, v in each.items() if k in IDENTITY} for each in documents]
    assert merge(documents, StrategicPatch(tuple(names), "patch")) == documents


@given(STREAMS, DOCUMENTS)
def test_twice_is_once_unless_lists_grow(
    documents: list[dict[str, Any]], patch: dict[str, Any]
) -> None:
    """Scalars, mappings and replaced lists have the patch's value however often it is applied."""
    once = merged(documents, patch)
    twice = merged(once, patch)
    for old, new in zip(once, twice, strict=True):
        now = dict(values(new))
        assert {p: v for p, v in values(old) if not isinstance(v, list)} == {
            p: v for p, v in now.items() if not isinstance(v, list)
        }


@given(STREAMS, DOCUMENTS)
def test_deleting_takes_away_and_nothing_else(
    documents: list[dict[str, Any]], extra: dict[str, Any]
) -> None:
    """A document that was added and is deleted was never there."""
    if identify(extra) in {identify(each) for each in documents} or "kind" not in extra:
        return
    added = merged(documents, extra)
    assert added[-1] == extra
    delete = {k: v for k, v in extra.items() if k in IDENTITY} | {"$patch": "delete"}
    assert merged(added, delete) == documents
    assert merged(documents, delete) == documents


@given(ROOTS, ROOTS)
def test_json_patches_reach_what_they_were_made_for(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    """The operations between two documents turn one into the other, in one patch or in many."""
    operations = jsonpatch.make_patch(old, new).patch
    each = [parse_patch(json.dumps([operation])) for operation in operations]
    assert _value(patch_config(encode([old]), each)) == new
    if operations:
        whole = parse_patch(json.dumps(operations))
        assert _value(patch_config(encode([old]), [whole])) == new


def _value(text: str) -> Any:
    (raw,) = parse_stream(text, source="x")
    return raw.value
