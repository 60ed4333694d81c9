# SPDX-License-Identifier: Apache-2.0
"""What a board's driver of volumes has the file system tools do."""

import asyncio
import os
from pathlib import Path

import pytest

from edge.node import board
from edge.node.board import DiskDriver
from edge.node.boot import syscall
from edge.node.disk import EPHEMERAL, STATE, SystemDisk
from edge.units import GIB, MIB
from flasher.table import Partition, Table

_TOOL = """#!/bin/sh
echo "${0##*/} $*" >> "$EDGE_TOOL_LOG"
"""


class Bench:
    """A disk file, tools that only say what they are asked, and mounts that do nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._log = folder / "log"
        for tool in ("mke2fs", "e2fsck", "resize2fs"):
            (folder / tool).write_text(_TOOL)
            (folder / tool).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        monkeypatch.setenv("EDGE_TOOL_LOG", str(self._log))
        points = {label: folder / label for label in (STATE, EPHEMERAL)}
        monkeypatch.setattr(board, "MOUNT_POINTS", points)
        monkeypatch.setattr(syscall, "mount", lambda *_: None)
        self.disk = SystemDisk(folder / "disk", Table(kind="gpt", disk_id="", size_bytes=64 * GIB))
        for number in (5, 6):
            (folder / f"disk{number}").touch()

    def said(self) -> list[str]:
        """Return the commands since the last call, shortened to the tool's name."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a bench of its own."""
    return Bench(tmp_path, monkeypatch)


def _partition(number: int, size_bytes: int) -> Partition:
    return Partition(number=number, start_bytes=MIB, size_bytes=size_bytes, type="")


def _tools(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines]


async def test_only_what_was_just_made_is_not_checked(bench: Bench) -> None:
    """It is whole and as large as its partition; from the second time on nobody knows."""
    driver, partition = DiskDriver(), _partition(6, 4 * GIB)
    await driver.make(bench.disk, partition, EPHEMERAL)
    await driver.open(bench.disk, partition, EPHEMERAL)
    assert _tools(bench.said()) == ["mke2fs"]
    await driver.open(bench.disk, partition, EPHEMERAL)
    assert _tools(bench.said()) == ["e2fsck", "resize2fs"]


async def test_another_life_checks_what_the_last_one_made(bench: Bench) -> None:
    """The power may have gone in between."""
    partition = _partition(5, 100 * MIB)
    await DiskDriver().make(bench.disk, partition, STATE)
    bench.said()
    await DiskDriver().open(bench.disk, partition, STATE)
    assert _tools(bench.said()) == ["e2fsck"]


@pytest.mark.parametrize(
    ("size_bytes", "journal"),
    [(100 * MIB, ""), (4 * GIB, "size=16"), (32 * GIB, "size=64")],
)
async def test_journals_are_bounded(bench: Bench, size_bytes: int, journal: str) -> None:
    """Small volumes have the tool's own choice, which is smaller still."""
    await DiskDriver().make(bench.disk, _partition(6, size_bytes), EPHEMERAL)
    (line,) = bench.said()
    words = line.split()
    assert (words[words.index("-J") + 1] if "-J" in words else "") == journal


async def test_a_tool_that_nobody_waits_for_is_ended(bench: Bench, tmp_path: Path) -> None:
    """A reset may be about to destroy what it works on."""
    pid = tmp_path / "pid"
    os.mkfifo(pid)
    (tmp_path / "mke2fs").write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 600\n")
    making = asyncio.create_task(DiskDriver().make(bench.disk, _partition(6, 4 * GIB), EPHEMERAL))
    number = int(await asyncio.to_thread(pid.read_text))
    making.cancel()
    await asyncio.wait([making])
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
