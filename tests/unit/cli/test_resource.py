# SPDX-License-Identifier: Apache-2.0
"""How resources print; the layouts are those that scripts for talosctl expect."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
import yaml

from edge.cli.resource import new_printer
from edge.client.model import Definition, Document

GOLDEN = Path(__file__).parents[2] / "golden/cli"

KIND = Definition(
    type="LinkStatuses.net.talos.dev",
    display="LinkStatus",
    namespace="network",
    names=frozenset({"links"}),
    columns=(("Type", "{.type}"), ("MTU", "{.mtu}"), ("Names", "{.names}"), ("Up", "{.up}")),
    sensitive=False,
)


def link(name: str, version: int, spec: object) -> Document:
    """Return a link's resource."""
    return Document(
        metadata={
            "namespace": "network",
            "type": KIND.type,
            "id": name,
            "version": version,
            "owner": "network.LinkController",
            "phase": "running",
            "created": "2026-11-23T01:37:44.104558Z",
            "updated": "2026-11-23T02:00:00Z",
            "labels": {"talos.dev/managed": "true"},
        },
        spec=spec,
    )


SHOWN: Sequence[tuple[str, str, Document]] = (
    ("10.0.0.1", "created", link("eth0", 2, {"type": "ether", "mtu": 1500, "names": ["enp1s0"]})),
    ("10.0.0.12", "updated", link("lo", 11, {"type": "loopback", "up": True, "note": "a\nb\n"})),
    ("10.0.0.12", "destroyed", link("wlan0", 3, None)),
)


def printed(output: str, capsys: pytest.CaptureFixture[str], *, watch: bool = False) -> str:
    """Return what a printer makes of three resources of two nodes."""
    printer = new_printer(output, watch=watch)
    for node, event, document in SHOWN:
        printer.show(node, KIND, document, event if watch else "")
        if watch:
            printer.flush()
    printer.flush()
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("output", "watch", "golden"),
    [
        ("table", False, "get.table"),
        ("table", True, "watch.table"),
        ("yaml", False, "get.yaml"),
        ("yaml", True, "watch.yaml"),
        ("json", False, "get.json"),
        ("jsonpath={.node} {.metadata.id}: {.spec.names[0]}", False, "get.jsonpath"),
    ],
)
def test_layouts_stay_as_they_are(
    output: str, watch: bool, golden: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every layout equals its golden file."""
    assert printed(output, capsys, watch=watch) == (GOLDEN / golden).read_text()


def test_a_line_of_json_a_resource(capsys: pytest.CaptureFixture[str]) -> None:
    """As other commands have it; with what happened to it where it is watched."""
    lines = [json.loads(line) for line in printed("jsonl", capsys).splitlines()]
    assert [(line["node"], line["metadata"]["id"]) for line in lines] == [
        (node, document.id) for node, _, document in SHOWN
    ]
    watched = [json.loads(line) for line in printed("jsonl", capsys, watch=True).splitlines()]
    assert [line["event"] for line in watched] == [event for _, event, _ in SHOWN]


def test_yaml_says_what_json_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Each YAML document parses to the same specification as its JSON object."""
    from_yaml = list(yaml.safe_load_all(printed("yaml", capsys)))
    decoder, text, from_json = json.JSONDecoder(), printed("json", capsys).strip(), []
    while text:
        value, end = decoder.raw_decode(text)
        from_json.append(value)
        text = text[end:].strip()
    assert [each["spec"] for each in from_yaml] == [each["spec"] for each in from_json]
    assert [each["node"] for each in from_yaml] == [node for node, _, _ in SHOWN]


@pytest.mark.parametrize("output", ["wide", "jsonpath", "jsonpath="])
def test_unknown_layout_is_refused(output: str) -> None:
    """A layout that does not exist is a mistake of usage."""
    with pytest.raises(click.BadParameter, match="table, yaml, json, jsonl, jsonpath=PATH"):
        new_printer(output, watch=False)
