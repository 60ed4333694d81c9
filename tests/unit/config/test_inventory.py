# SPDX-License-Identifier: Apache-2.0
"""The inventory file: what may stand in it, and what every fault says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.inventory import (
    InventoryNode,
    dump_inventory,
    load_inventory,
    parse_inventory,
    save_inventory,
)
from edge.errors import ConfigError

WORDS = st.from_regex(r"[a-z0-9](?:[a-z0-9.-]{0,8}[a-z0-9])?", fullmatch=True)
NODES = st.builds(
    InventoryNode,
    name=WORDS.filter(lambda word: word not in ("all", "workers", "controlplane")),
    address=st.ip_addresses().map(str) | WORDS.map(lambda word: f"{word}:50001"),
    role=st.sampled_from(["", "controlplane", "worker"]),
    cluster=WORDS | st.just(""),
    labels=st.dictionaries(WORDS, WORDS, max_size=3),
)


@given(st.lists(NODES, unique_by=lambda node: node.name))
def test_what_is_written_is_read_again(nodes: list[InventoryNode]) -> None:
    """Every inventory survives its file, also labels that look like numbers."""
    inventory = {node.name: node for node in nodes}
    assert parse_inventory(dump_inventory(inventory)) == inventory


def test_no_file_is_no_node(tmp_path: Path) -> None:
    """Nobody has to make an inventory, and an empty one is one."""
    assert load_inventory(tmp_path / "inventory.yaml") == {}
    assert parse_inventory("") == parse_inventory("nodes:\n") == {}


def test_all_faults_are_told_with_their_lines() -> None:
    """Whoever edits the file by hand sees every mistake at once."""
    text = """\
nodes:
  all: {address: 10.0.0.1}
  a b: {address: 10.0.0.1}
  c:
    adress: 10.0.0.2
    role: master
  d:
    address: http://10.0.0.3
    labels: {site: "a,b"}
groups: {}
"""
    with pytest.raises(ConfigError) as caught:
        parse_inventory(text, source="i")
    assert caught.value.faults == (
        "i:10: groups: unknown key; an inventory has nodes",
        "i:2: nodes.all: is the name of a group",
        'i:3: nodes["a b"]: a name has letters, digits, dots, dashes and underscores',
        "i:5: nodes.c.adress: unknown key; similar: address",
        "i:4: nodes.c: a node needs an address: HOST[:PORT]",
        "i:6: nodes.c.role: is controlplane or worker",
        "i:8: nodes.d.address: a node needs an address: HOST[:PORT]",
        "i:9: nodes.d.labels.site: a label has letters, digits, dots, slashes and dashes",
    )


@pytest.mark.parametrize("text", ["- a\n", "nodes: [a]\n", "nodes: {a: 1}\n", "a: {}\n---\nb: 1\n"])
def test_what_is_no_inventory(text: str) -> None:
    """It is refused in our words."""
    with pytest.raises(ConfigError):
        parse_inventory(text)


def test_a_wrong_node_is_never_written(tmp_path: Path) -> None:
    """The file stays as it is."""
    path = tmp_path / "inventory.yaml"
    save_inventory({"a": InventoryNode(name="a", address="10.0.0.1")}, path)
    before = path.read_text()
    with pytest.raises(ConfigError):
        save_inventory({"all": InventoryNode(name="all", address="10.0.0.1")}, path)
    assert path.read_text() == before
