# SPDX-License-Identifier: Apache-2.0
"""Writing a card with read-back, against dd with direct I/O followed by cmp, on loop devices.

    sudo python3 dev.py bench flash [--runs 5]

Both write the same image to the same kind of device and read all of it back past the page
cache. Medians of the runs; root is needed for the loop devices.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.units import MIB
from flasher.record import CardRecords
from flasher.write import FlashOptions, flash, prepare
from tests.benchmarks.report import Figure, show
from tests.fakes.image import make_image

IMAGE_MIB = 512
CARD_BYTES = 1024 * MIB


def main() -> None:
    """Run both ways in turn and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as name:
        folder = Path(name)
        image = folder / "image.img"
        make_image(image, size_mib=IMAGE_MIB)
        _fill(image)
        with _loop(folder / "card") as card:
            ours = _median(runs, lambda: _ours(image, card, folder))
            peer = _median(runs, lambda: _dd(image, card))
    size_mb = IMAGE_MIB * MIB / 1e6
    show(
        [
            Figure(
                what=f"write {size_mb:.0f} MB and read back",
                ours=ours,
                other=peer,
                other_name="dd oflag=direct, then cmp",
                unit="s",
            ),
        ]
    )


def _fill(image: Path) -> None:
    """Put noise where no partition is, so that there are no holes to skip."""
    with image.open("r+b") as file:
        file.seek(16 * MIB)
        while file.tell() < (IMAGE_MIB - 4) * MIB:
            file.write(os.urandom(4 * MIB))


def _ours(image: Path, card: Path, folder: Path) -> None:
    plan = prepare(image, card, FlashOptions())
    flash(plan, records=CardRecords(folder / "cards.sqlite"))


def _dd(image: Path, card: Path) -> None:
    write = ["dd", f"if={image}", f"of={card}", "bs=4M", "oflag=direct", "conv=fsync"]
    subprocess.run(write, check=True, capture_output=True)
    subprocess.run(["blockdev", "--flushbufs", str(card)], check=True)
    size = str(image.stat().st_size)
    subprocess.run(["cmp", "-n", size, str(image), str(card)], check=True)


def _median(runs: int, work: Callable[[], None]) -> float:
    seconds = []
    for _ in range(runs):
        started = time.monotonic()
        work()
        seconds.append(time.monotonic() - started)
    return statistics.median(seconds)


@contextmanager
def _loop(file: Path) -> Iterator[Path]:
    with file.open("wb") as card:
        card.truncate(CARD_BYTES)
    command = ["losetup", "--find", "--show", "--direct-io=on", str(file)]
    device = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        yield Path(device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


if __name__ == "__main__":
    main()
