# SPDX-License-Identifier: Apache-2.0
"""A real boot on a serial line: stages, times, and a first configuration without discovery."""

import json
from pathlib import Path

import pytest

from tests.integration.qemu.test_board import run_module

pytestmark = [pytest.mark.qemu, pytest.mark.timeout(900)]


def test_board_is_configured_and_watched_by_its_console(tmp_path: Path) -> None:
    """From power to a configured node by the wire alone, and the second boot's timeline."""
    done = run_module("tests.integration.qemu.by_console", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["result"] == "reached"
    assert seen["node"]["state"] == "running"
    assert seen["node"]["addresses"][0].startswith("10.77.0.")
    (boot,) = seen["boots"]
    stages = [each["stage"] for each in boot["stages"]]
    assert stages[0] == "uefi"
    assert stages[-5:] == ["loader", "root", "init", "machined", "running"]
    assert sum(each["took_s"] or 0 for each in boot["stages"]) == pytest.approx(
        boot["seconds"], abs=0.1
    )
