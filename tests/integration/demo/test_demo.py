# SPDX-License-Identifier: Apache-2.0
"""The demonstration as a newcomer runs it, on a lab node."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

NARRATED = ("flash", "boot", "find the node by mDNS", "apply it", "cut the power and start again")


def demo(home: Path, *arguments: str, path: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `edgectl demo` with its files in `home`."""
    environment = {**os.environ, "EDGECTL_HOME": str(home)}
    if path:
        environment["PATH"] = path
    return subprocess.run(
        [sys.executable, "-m", "edge", "demo", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_fast_demo_takes_a_lab_node_all_the_way(tmp_path: Path) -> None:
    """Every step is narrated, the result is data on stdout, and nothing is left running."""
    done = demo(tmp_path, "--fast", "--output", "json")
    assert done.returncode == 0, done.stderr
    [outcome] = json.loads(done.stdout)
    assert {"apid", "machined"} <= {service["service"] for service in outcome["services"]}
    for name in NARRATED:
        assert f"{name} done in" in done.stderr
    assert "edgectl flash --board rpi4" in done.stderr
    assert not list((tmp_path / "demo/lab").glob("*/node.json"))


def test_fast_demo_prints_a_table(tmp_path: Path) -> None:
    """Without a terminal the result is a table, not the terminal interface."""
    done = demo(tmp_path, "--fast")
    assert done.returncode == 0, done.stderr
    assert "SERVICE" in done.stdout
    assert "Running" in done.stdout


def test_demo_without_an_emulator_says_so_and_goes_on(tmp_path: Path) -> None:
    """Where QEMU is not installed the lab stands in, in plain words."""
    done = demo(tmp_path, path="/nonexistent")
    assert done.returncode == 0, done.stderr
    assert "going on with a lab node, as --fast does" in done.stderr
    assert "qemu-system-aarch64 is missing" in done.stderr


def test_demo_of_an_unknown_board_is_one_line(tmp_path: Path) -> None:
    """A wrong name is refused with the names that are right, before anything is made."""
    done = demo(tmp_path, "--board", "rpi9")
    assert done.returncode == 4
    assert "rpi9" in done.stderr
    assert "qemu-arm64" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_board_that_was_asked_for_is_never_replaced(tmp_path: Path) -> None:
    """Without its emulator the demonstration says what to install and does nothing else."""
    done = demo(tmp_path, "--board", "qemu-arm64", path="/nonexistent")
    assert done.returncode != 0
    assert "qemu-system-aarch64 is missing" in done.stderr
    assert "sudo apt install qemu-system-arm" in done.stderr
    assert "lab node" not in done.stderr


def test_demo_of_a_board_without_an_emulator_says_so(tmp_path: Path) -> None:
    """And of an emulator that the board does not have, which ones it has."""
    done = demo(tmp_path, "--board", "rpi5")
    assert done.returncode == 4
    assert "board rpi5 has no emulator" in done.stderr
    done = demo(tmp_path, "--emulator", "vmware")
    assert done.returncode == 4
    assert "emulators of qemu-arm64: edk2, u-boot" in done.stderr


def test_interrupted_demo_leaves_nothing_running(tmp_path: Path) -> None:
    """Ctrl-C in the middle ends the node's processes too."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "demo", "--fast"],
        env={**os.environ, "EDGECTL_HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("find the node"):
            break
    process.send_signal(2)
    process.communicate(timeout=60)
    assert process.returncode == 130
    deadline = time.monotonic() + 60
    while _processes_below(tmp_path) and time.monotonic() < deadline:
        pass
    assert _processes_below(tmp_path) == []


def _processes_below(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in command:
                found.append(entry.name)
    return found
