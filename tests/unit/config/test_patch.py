# SPDX-License-Identifier: Apache-2.0
"""Patches: a folder a case under tests/golden/patches, and laws."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.patch import StrategicPatch, merge, parse_patch, patch_config, read_patch
from edge.errors import ConfigError

PATCHES = Path(__file__).parents[2] / "golden/patches"
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


def merged(documents: list[Mapping[str, Any]], patch: Mapping[str, Any]) -> list[Mapping[str, Any]]:
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
    """Whatever a patch says about a mapping or a scalar is so afterwards."""
    (result,) = merged([root], patch)
    assert result["machine"]["type"] == patch["machine"]["type"]
    assert result["machine"]["nodeLabels"] == (
        root["machine"]["nodeLabels"] | patch["machine"]["nodeLabels"]
    )
