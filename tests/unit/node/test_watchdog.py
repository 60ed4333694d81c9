# SPDX-License-Identifier: Apache-2.0
"""The watchdog's keeper: opens what is wanted, and nothing that is no watchdog."""

from pathlib import Path

from edge.node.boot.watchdog import WatchdogKeeper


def test_an_ordinary_file_is_never_written_to(tmp_path: Path) -> None:
    """A configuration that names a disk by mistake must not cost it."""
    disk = tmp_path / "disk"
    disk.write_bytes(b"data")
    request = tmp_path / "watchdog"
    request.write_text(f"{disk} 60\n")
    keeper = WatchdogKeeper(request)
    keeper.tend()
    keeper.tend()
    assert disk.read_bytes() == b"data"


def test_a_character_device_is_fed(tmp_path: Path) -> None:
    """One whose driver knows no time-out keeps its own."""
    request = tmp_path / "watchdog"
    request.write_text("/dev/null 15\n")
    keeper = WatchdogKeeper(request)
    keeper.tend()
    request.write_text("/dev/zero 15\n")
    keeper.tend()


def test_an_unreadable_wish_is_no_wish(tmp_path: Path) -> None:
    """And a missing default device no failure."""
    keeper = WatchdogKeeper(tmp_path / "nothing")
    keeper.tend()
    (tmp_path / "nothing").write_text("half")
    keeper.tend()
