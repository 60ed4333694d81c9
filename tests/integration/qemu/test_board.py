# SPDX-License-Identifier: Apache-2.0
"""The image a user would flash, booted in an emulator on a network of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.qemu, pytest.mark.timeout(900)]


def run_module(*words: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Run a module in a process of its own, which may leave this network for another."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        env={**os.environ, "EDGECTL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )


@pytest.fixture(scope="module", params=["qemu-arm64", "qemu-amd64"])
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], str, str]:
    """The demonstration's result, narration and board."""
    home = tmp_path_factory.mktemp("home")
    arguments = ["demo", "--no-tui", "--output", "json", "--board", request.param]
    done = run_module("edge", *arguments, home=home)
    assert done.returncode == 0, done.stderr
    [outcome] = json.loads(done.stdout)
    return outcome, done.stderr, request.param


def test_demo_ends_with_a_configured_node(demo: tuple[dict[str, Any], str, str]) -> None:
    """Flash, boot, find, recognise, configure, power cut: the node runs and is healthy."""
    outcome, _, board = demo
    states = {service["service"]: service["state"] for service in outcome["services"]}
    assert outcome["board"] == board
    assert outcome["addresses"]
    assert {"apid", "machined", "mdns", "trustd"} <= states.keys()
    assert set(states.values()) == {"Running"}
    assert 0 < outcome["memory_used_bytes"] < outcome["memory_total_bytes"]


def test_demo_names_every_boot_stage(demo: tuple[dict[str, Any], str, str]) -> None:
    """Both boots pass from the firmware to PID 1, first to maintenance and then to running."""
    _, narration, _ = demo
    for stage in ("uefi", "kernel", "loader", "root", "init", "machined"):
        assert narration.count(f"  {stage}: ") == 2, stage
    assert narration.index("  maintenance: ") < narration.index("  running: ")
    assert "it came back configured" in narration


def test_demo_does_not_fall_back(demo: tuple[dict[str, Any], str, str]) -> None:
    """The emulator was used, not a lab node in its place."""
    assert "going on with a lab node" not in demo[1]


def test_power_cuts_during_first_boot_and_apply(tmp_path: Path) -> None:
    """Whenever the power goes, the node comes back to maintenance or configured."""
    done = run_module(
        "tests.integration.qemu.power_cuts", "--cuts", "4", "--seed", "3", home=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "came back to" in done.stdout
