# SPDX-License-Identifier: Apache-2.0
"""The cards that every tool meets: throttled disks, one shared bus, and one that is fast.

separate    a loop device in a block cgroup: so many bytes a second out, so many in
shared      a FUSE file under a loop device: reads and writes take turns on one bus
fast        a loop device as fast as the disk below it
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.units import MIB
from tests.fakes.bad_card import Budget
from tests.fakes.card_fs import CardFs

WRITE_BPS, READ_BPS = 20 * MIB, 90 * MIB
SLOW_BPS = 5 * MIB
_GROUPS = Path("/sys/fs/cgroup/blkio")
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 64 * MIB  # more than the image, as cards have


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchCard:
    """A card, the file that has its content, and the group that whoever writes it must be in."""

    device: Path
    kept: Path
    group: Path | None = None


@dataclass(frozen=True, slots=True)
class Throttle:
    """A block cgroup: programs in it meet disks that are as slow as it says."""

    group: Path

    def limit(self, device: Path, *, write_bps: int, read_bps: int) -> None:
        """Let programs of the group write and read so many bytes a second."""
        rdev = device.stat().st_rdev
        number = f"{os.major(rdev)}:{os.minor(rdev)}"
        for word, rate in (("write", write_bps), ("read", read_bps)):
            (self.group / f"blkio.throttle.{word}_bps_device").write_text(f"{number} {rate}")


@contextmanager
def throttle() -> Iterator[Throttle]:
    """Make a block cgroup for one measurement.

    Raises:
        SystemExit: where the version 1 block controller is not mounted.
    """
    if not (_GROUPS / "blkio.throttle.write_bps_device").exists():
        raise SystemExit(f"throttled cards need the version 1 block controller at {_GROUPS}")
    group = Path(tempfile.mkdtemp(prefix="edgectl-bench-", dir=_GROUPS))
    try:
        yield Throttle(group)
    finally:
        group.rmdir()


@contextmanager
def loop_cards(image_bytes: int, rates: list[tuple[int, int]]) -> Iterator[list[BenchCard]]:
    """Give a loop device for each pair of write and read rates, all in one group."""
    folder = tempfile.TemporaryDirectory(prefix="bench-", dir=_room())
    with ExitStack() as stack:
        place, group = Path(stack.enter_context(folder)), stack.enter_context(throttle())
        cards = []
        for number, (write_bps, read_bps) in enumerate(rates):
            kept = place / f"card-{number}"
            _allocate(kept, image_bytes + _ROOM_BYTES)
            device = stack.enter_context(_loop(kept))
            group.limit(device, write_bps=write_bps, read_bps=read_bps)
            cards.append(BenchCard(device=device, kept=kept, group=group.group))
        yield cards


@contextmanager
def fast_card(image_bytes: int, where: str) -> Iterator[BenchCard]:
    """Give a card as fast as this machine's memory, or as its disk; all of it is there already."""
    folder = _MEMORY if where == "memory" else _room()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as name:
        kept = Path(name) / "card"
        _allocate(kept, image_bytes + _ROOM_BYTES, fill=b"\xa5" * MIB)
        with _loop(kept) as device:
            yield BenchCard(device=device, kept=kept)


@contextmanager
def bus_cards(image_bytes: int, count: int = 1) -> Iterator[list[BenchCard]]:
    """Give cards whose reads and writes share a bus each."""
    folder = tempfile.TemporaryDirectory(prefix="bench-", dir=_room())
    with folder as name, CardFs(Path(name) / "fs") as fs:
        cards = [fs.insert(f"card-{number}", image_bytes + _ROOM_BYTES) for number in range(count)]
        for card in cards:
            card.limit(Budget(write_bps=WRITE_BPS, read_bps=READ_BPS, is_shared=True))
        yield [BenchCard(device=card.device, kept=card.kept) for card in cards]


def _room() -> Path:
    """Return a folder for files as large as cards, not in memory."""
    return Path(os.environ.get("TMPDIR", "/var/tmp"))


def _allocate(path: Path, size_bytes: int, fill: bytes = b"") -> None:
    with path.open("wb") as file:
        for _ in range(size_bytes // len(fill) if fill else 0):
            file.write(fill)
        file.truncate(size_bytes)
        os.fsync(file.fileno())


@contextmanager
def _loop(file: Path) -> Iterator[Path]:
    command = ["losetup", "--find", "--show", "--direct-io=on", str(file)]
    device = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        yield Path(device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
