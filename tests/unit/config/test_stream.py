# SPDX-License-Identifier: Apache-2.0
"""YAML in and out."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.config.dump import dump_stream
from edge.config.stream import parse_stream, spell_path
from edge.errors import ConfigError

ODD_TEXTS = st.sampled_from(
    [
        "off",
        "no",
        "y",
        "~",
        "12",
        "0x1f",
        "1e3",
        "1:30",
        "2020-01-01",
        "a: b",
        "- a",
        "# a",
        "a #b",
        "a\nb\n",
        "a\n b",
        "\n",
        " a",
        "a ",
        "<<",
        "=",
        "@a",
        "10.0.0.1",
        "10.0.0.0/8",
        "a:b",
        "a:",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=30) | ODD_TEXTS
)
KEYS = st.text(max_size=8) | ODD_TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def parse(text: str | bytes) -> list[Any]:
    return [raw.value for raw in parse_stream(text, source="x.yaml")]


def faults(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value.faults


@given(st.lists(st.dictionaries(KEYS, VALUES, min_size=1), min_size=1, max_size=3))
def test_what_is_dumped_reads_back(documents: list[dict[str, Any]]) -> None:
    """Any values survive our own reader."""
    assert parse(dump_stream(documents)) == documents


@given(st.dictionaries(KEYS, VALUES, min_size=1))
def test_others_read_the_same(document: dict[str, Any]) -> None:
    """Any values survive a YAML 1.1 reader too, which takes more texts for something else."""
    assert yaml.safe_load(dump_stream([document])) == document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("010", "010"),
        ("0o10", 8),
        ("0x1F", 31),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("1_000", "1_000"),
    ],
)
def test_core_scalars(text: str, value: object) -> None:
    """Scalars follow the YAML 1.2 core rules."""
    assert parse(f"a: {text}") == [{"a": value}]


def test_numbers_keep_their_spelling() -> None:
    """A number that is written out again looks as it did."""
    text = "a: 0o644\nb: 1.50\nc: 0x1F\n"
    assert dump_stream(parse(text)) == text


def test_lines() -> None:
    """Every key and element knows its line."""
    (raw,) = parse_stream("a: 1\nb:\n  - c: 2\n  - d: 3\n", source="x")
    assert raw.lines[("a",)] == 1
    assert raw.lines[("b", 1, "d")] == 4


def test_duplicate_keys_are_all_named() -> None:
    """A key given twice is a fault, wherever it is."""
    text = "a: 1\na: 2\nb:\n  - c: 1\n    c: 2\n---\nd: 1\nd: 1\n"
    assert faults(text) == (
        "x.yaml:2: a: the key is given twice",
        "x.yaml:5: b[0].c: the key is given twice",
        "x.yaml:8: d: the key is given twice",
    )


def test_merge_keys_and_aliases() -> None:
    """Aliases and merge keys work; own keys win."""
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\n"
    (document,) = parse(text)
    assert document["b"] == {"x": 1, "y": 3}
    assert document["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 3000, "- " * 100_000, "[" * 70 + "]" * 70],
)
def test_too_deep(text: str) -> None:
    """Nesting that could overflow a stack is refused."""
    assert any("deeply nested" in fault or ":1:" in fault for fault in faults(text))


def test_too_many() -> None:
    """Aliases that multiply into billions of values are refused at once."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{k}: &{k} [{','.join([f'*{p}'] * 10)}]" for p, k in zip("abcdefg", "bcdefgh")]  # noqa: B905
    assert faults("\n".join(lines)) == ("x.yaml:5: too many or too deeply nested values",)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [", "x.yaml:2: did not find expected node content"),
        ("a: b: c", "x.yaml:1: mapping values are not allowed in this context"),
        (b"\xff\xfe\x00\xd8", "x.yaml: "),
        ("a: \x00", "x.yaml: "),
        ("a: *nowhere", "x.yaml:1: a: the alias *nowhere has no value yet"),
        ("a: &a [*a]", "x.yaml:1: a[0]: the alias *a has no value yet"),
        ("? [a]\n: 1", "x.yaml:1: the document: a key must be a text"),
        ("a: !!python/object:os.system {}", "x.yaml:1: a: the type"),
        ("a: !!int foo", "x.yaml:1: a: 'foo' is not a value of type"),
    ],
)
def test_what_is_refused(text: str | bytes, fault: str) -> None:
    """Broken or dangerous YAML is refused with its line where there is one."""
    assert faults(text)[0].startswith(fault)


def test_spelled_paths() -> None:
    """Paths look as people write them."""
    path = ("machine", "sysctls", "net.ipv4.ip_forward", 0, "x")
    assert spell_path(path) == 'machine.sysctls["net.ipv4.ip_forward"][0].x'


def test_layout() -> None:
    """Documents are laid out as upstream lays them out."""
    document = {"a": {"b": ["x", {"c": 1, "d": "l1\nl2\n"}], "e": [], "f": {}, "g": ""}}
    assert dump_stream([document, {"h": "off"}]) == (
        "a:\n"
        "    b:\n"
        "        - x\n"
        "        - c: 1\n"
        "          d: |\n"
        "              l1\n"
        "              l2\n"
        "    e: []\n"
        "    f: {}\n"
        '    g: ""\n'
        "---\n"
        'h: "off"\n'
    )
