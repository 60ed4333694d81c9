# SPDX-License-Identifier: Apache-2.0
"""How much is written at once follows from the device's own limits."""

from pathlib import Path

import pytest

from edge.units import KIB, MIB
from flasher.device import Device, DeviceKind, Host
from flasher.write.limits import chunk_bytes_of


@pytest.mark.parametrize(
    ("largest_kib", "best", "expected"),
    [
        (120, 0, 512 * KIB),
        (512, 0, 512 * KIB),
        (1280, 0, MIB),
        (32767, 0, MIB),
        (512, 2 * MIB, 2 * MIB),
        (512, 64 * MIB, 4 * MIB),
    ],
)
def test_chunk_follows_the_queue(
    tmp_path: Path, largest_kib: int, best: int, expected: int
) -> None:
    """Small requests are joined, large ones bounded, a card's own multiple honoured."""
    queue = tmp_path / "sys/class/block/sdx/queue"
    queue.mkdir(parents=True)
    (queue / "max_sectors_kb").write_text(f"{largest_kib}\n")
    (queue / "optimal_io_size").write_text(f"{best}\n")
    host = Host(sys=tmp_path / "sys")
    card = Device(path=Path("/dev/sdx"), kind=DeviceKind.DISK, size_bytes=MIB)
    assert chunk_bytes_of([card], host) == expected
    file = Device(path=Path("/tmp/file.img"), kind=DeviceKind.FILE, size_bytes=MIB)
    assert chunk_bytes_of([file], host) == MIB


@pytest.mark.parametrize(("count", "expected"), [(1, 4 * MIB), (8, MIB), (99, 512 * KIB)])
def test_many_cards_share_a_budget(tmp_path: Path, count: int, expected: int) -> None:
    """Eight fast cards do not take eight times the memory of one."""
    queue = tmp_path / "sys/class/block/sdx/queue"
    queue.mkdir(parents=True)
    (queue / "optimal_io_size").write_text(f"{4 * MIB}\n")
    card = Device(path=Path("/dev/sdx"), kind=DeviceKind.DISK, size_bytes=MIB)
    assert chunk_bytes_of([card] * count, Host(sys=tmp_path / "sys")) == expected
