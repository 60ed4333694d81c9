# SPDX-License-Identifier: Apache-2.0
"""From power-on to an API that answers, on the emulated board, against the part that is not ours.

    sudo python3 dev.py bench boot [--board qemu-arm64]

Firmware, boot loader and kernel are the yardstick: they run in the same emulator on the same
machine, so the ratio holds where seconds do not.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from boards.catalog import load_profile
from edge.events import Event, Noted, ignore
from edge.provision.demo.emulated import EmulatedBench
from edge.provision.lab import Lab
from flasher.record import CardRecords
from tests.benchmarks.report import Figure, show


def main() -> None:
    """Boot once to maintenance, start a lab node, and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--board", default="qemu-arm64")
    profile = load_profile(parser.parse_args().board)
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as name:
        os.environ["EDGECTL_HOME"] = name
        folder = Path(name)
        records = CardRecords(folder / "cards.sqlite")
        lab = _lab_seconds(folder, records)
        bench = EmulatedBench(profile, folder, records)
        try:
            bench.prepare(ignore)
            bench.open()
            stages = asyncio.run(_stage_seconds(bench))
        finally:
            bench.close()
    yardstick = stages["loader"]
    show(
        [
            Figure(
                what=f"{profile.name}: loader to maintenance API",
                ours=stages["maintenance"] - yardstick,
                other=yardstick,
                other_name="firmware, GRUB and kernel",
                unit="s",
            ),
            Figure(
                what="lab node: start to maintenance API",
                ours=lab,
                other=stages["maintenance"],
                other_name="the emulated board",
                unit="s",
            ),
        ]
    )


async def _stage_seconds(bench: EmulatedBench) -> dict[str, float]:
    started, passed = time.monotonic(), dict[str, float]()

    def note(event: Event) -> None:
        if isinstance(event, Noted):
            passed.setdefault(event.text.partition(":")[0], time.monotonic() - started)

    await bench.power_on(note)
    await bench.cut_power()
    return passed


def _lab_seconds(folder: Path, records: CardRecords) -> float:
    lab = Lab(folder / "lab", records)
    lab.create("bench")
    started = time.monotonic()
    try:
        lab.start("bench")
        return time.monotonic() - started
    finally:
        lab.down()


if __name__ == "__main__":
    main()
