# SPDX-License-Identifier: Apache-2.0
"""Figures of control groups, from files as the kernel writes them."""

from pathlib import Path

import pytest

from edge.provision.cgroup import PRESETS, read_groups

FILES = {
    "cpu.stat": "usage_usec 100\nuser_usec 60\nsystem_usec 40\n",
    "kubepods/cpu.weight": "79\n",
    "kubepods/cpu.max": "max 100000\n",
    "kubepods/memory.current": "4096\n",
    "kubepods/memory.max": "max\n",
    "kubepods/io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2\n8:16 rbytes=5 wbytes=1\n",
    "kubepods/memory.pressure": "some avg10=1.50 avg60=0.00\nfull avg10=0.25 avg60=0.00\n",
    "kubepods/pod/pids.current": "7\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a tree of three groups."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("preset", "group", "column", "value"),
    [
        ("cpu", 0, "usage_us", 100),
        ("cpu", 1, "weight", 79),
        ("cpu", 1, "limit", "max 100000"),
        ("memory", 1, "current", 4096),
        ("memory", 1, "max", "max"),
        ("io", 1, "read_bytes", 15),
        ("io", 1, "writes", 2),
        ("psi", 1, "memory_full", "0.25"),
        ("process", 2, "current", 7),
        ("swap", 2, "current", ""),
    ],
)
def test_figures(folder: Path, preset: str, group: int, column: str, value: object) -> None:
    """Parents come before their children, and what a group does not have is empty."""
    rows = list(read_groups(folder, preset))
    assert [row["name"] for row in rows] == ["/", "kubepods", "kubepods/pod"]
    assert rows[group][column] == value


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_groups_of_this_machine(preset: str) -> None:
    """Whatever this kernel writes can be read."""
    assert list(read_groups(Path("/sys/fs/cgroup"), preset))
