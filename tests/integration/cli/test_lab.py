# SPDX-License-Identifier: Apache-2.0
"""The lab from a shell: up, configured as a cluster, command lines run against it, down."""

import json
from pathlib import Path

from edge.provision.lab import Lab

from .conftest import edgectl


def test_lab_from_up_to_down(home: Path, lab: Lab) -> None:
    """Two nodes come up, become a cluster, take command lines, and leave nothing behind."""
    done = edgectl("lab", "up", "2", "-o", "json")
    assert done.code == 0
    names = [row["name"] for row in json.loads(done.out)]
    assert names == ["lab-1", "lab-2"]
    done = edgectl("lab", "exec", "lab-1", "--", "get", "machinestatus", "-o", "json")
    assert json.loads(done.out)["spec"]["stage"] == "maintenance"

    assert edgectl("lab", "configure").code == 0
    states = {
        row["name"]: row["state"] for row in json.loads(edgectl("lab", "list", "-o", "json").out)
    }
    assert states == {"lab-1": "running", "lab-2": "running"}
    done = edgectl("lab", "exec", "lab-2", "get", "hostname", "-o", "jsonpath={.spec.hostname}")
    assert (done.code, done.out) == (0, "lab-2\n")
    assert edgectl("lab", "exec", "lab-2", "--", "get", "nonsense").code == 9

    assert edgectl("lab", "stop", "lab-2").code == 0
    done = edgectl("lab", "exec", "lab-2", "--", "get", "disks")
    assert done.code == 9
    assert "edgectl lab start lab-2" in done.err

    assert edgectl("lab", "down").code == 0
    assert lab.nodes() == []
    assert list(lab.folder.iterdir()) == []


def test_lab_without_enrolment(home: Path, lab: Lab) -> None:
    """The node announces no card and is configured by whoever comes; its key is known."""
    done = edgectl("lab", "up", "1", "--no-enrolment", "-o", "json")
    assert done.code == 0
    (row,) = json.loads(done.out)
    assert (row["state"], row["card"], len(row["fingerprint"])) == ("maintenance", "", 44)
    assert edgectl("lab", "configure").code == 0
    assert edgectl("lab", "list").rows()[1][1] == "running"
    assert edgectl("lab", "down").code == 0
