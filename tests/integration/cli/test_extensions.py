# SPDX-License-Identifier: Apache-2.0
"""What an image was made of, asked of a node by the command line."""

import json
from pathlib import Path
from typing import Any

from edge.provision.lab import Lab
from flasher.extension.compose import schematic_record

from .conftest import edgectl

ID = "ab" * 32


def test_a_node_tells_its_extensions_and_its_schematic(home: Path, lab: Lab) -> None:
    """Name and version as upstream's command has them; no program is run in the lab."""
    assert edgectl("lab", "up", "1").code == 0
    assert edgectl("lab", "stop", "lab-1").code == 0
    description = lab.folder / "lab-1/node.json"
    fields = json.loads(description.read_text())
    kit = {"name": "iscsi", "version": "2.1.11-1", "author": "edgectl", "description": "Blocks."}
    service = {"name": "iscsid", "program": "usr/sbin/iscsid"}
    fields["image"]["extensions"] = [{**kit, "services": [service]}, schematic_record(ID)]
    description.write_text(json.dumps(fields))
    assert edgectl("lab", "start", "lab-1").code == 0
    done = edgectl("lab", "exec", "lab-1", "--", "get", "extensions", "-o", "json")
    found = {each["metadata"]["id"]: each["spec"]["metadata"] for each in _documents(done.out)}
    assert found["iscsi"] == kit
    assert found["schematic"]["version"] == ID
    done = edgectl("lab", "exec", "lab-1", "--", "get", "extensions")
    assert ["iscsi", "2.1.11-1"] in [row[-2:] for row in done.rows()]
    assert edgectl("lab", "configure").code == 0
    assert "ext-iscsid" not in edgectl("lab", "exec", "lab-1", "--", "services").out
    assert edgectl("lab", "down").code == 0


def _documents(text: str) -> list[Any]:
    decoder, at = json.JSONDecoder(), 0
    found: list[Any] = []
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at)
        found += document if isinstance(document, list) else [document]
        at += len(text[at:]) - len(text[at:].lstrip())
    return found
