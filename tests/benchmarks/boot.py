# SPDX-License-Identifier: Apache-2.0
"""From power-on to maintenance on the emulated board, against the same kernel with busybox.

Maintenance is when the API takes connections at the address that the console names; the first
answer comes when what is behind the API's port is loaded.

    sudo python3 dev.py bench boot [--board qemu-arm64] [--boots 5]

Both cards have the same firmware, loader, kernel, kernel arguments and layout, and ask the same
server for an address. Each is freshly written before every boot, so that ours is always a first
boot, which makes its volumes. Processor seconds are the emulator's: they say how much was done,
also where other programs had the machine's processors in the meantime.
"""

import argparse
import asyncio
import os
import re
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from boards.catalog import load_profile
from boards.profile import Profile
from edge.client.client import connect
from edge.client.trust import Blind
from edge.errors import NodeError
from edge.events import ignore
from edge.provision.console import open_console
from edge.provision.demo.emulated import EmulatedBench
from edge.provision.emulator import VirtualBoard, choose_emulator
from edge.provision.lab import Lab
from edge.provision.network import enter_private_network, private_network
from flasher.record import CardRecords
from tests.benchmarks.boot_baseline import copy_card, make_baseline
from tests.benchmarks.report import Figure, show

GOAL = 1.5
DEADLINE_S = 240.0
REACH_S = 30.0
_STAGES = {
    "kernel": r"Linux version",
    "loader": r"edge: loader",
    "root": r"edge: root mounted",
    "init": r"edge: init ",
    "machined": r"edge: machined started",
    "maintenance": r"edge: maintenance (\d[^\s,]*)",
}
_ANSWER = "first answer"
_BASELINE = {"kernel": r"Linux version", "busybox": r"busybox: (\d\S*) is up"}


@dataclass(slots=True)
class Boot:
    """Seconds since power-on, and of the emulator's processor time, at each stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)


def main() -> None:
    """Boot both cards in turn, start a lab node, and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--board", default="qemu-arm64")
    parser.add_argument("--boots", type=int, default=5)
    options = parser.parse_args()
    profile = load_profile(options.board)
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as name:
        os.environ["EDGECTL_HOME"] = name
        folder = Path(name)
        records = CardRecords(folder / "cards.sqlite")
        lab = _lab_seconds(folder, records)
        bench = EmulatedBench(profile, folder, records)
        bench.prepare(ignore)
        make_baseline(profile, bench.disk, folder / "baseline.img")
        enter_private_network()
        with private_network() as network:
            boots = [
                (
                    _boot(profile, folder / "baseline.img", network.link, _BASELINE),
                    _boot(profile, bench.disk, network.link, _STAGES),
                )
                for _ in range(options.boots)
            ]
    _report(profile, [pair[0] for pair in boots], [pair[1] for pair in boots], lab)


def _boot(profile: Profile, card: Path, link: str, stages: dict[str, str]) -> Boot:
    """Boot a copy of `card` until the last of `stages` is passed and a node's API is reached."""
    disk = card.with_name("disk.img")
    copy_card(card, disk)
    board = VirtualBoard(profile, choose_emulator(profile, None), disk, link=link)
    console = open_console(board.plug_in())
    process = _emulator()
    boot, text, started = Boot(), b"", 0.0
    try:
        board.switch_on()
        started = time.monotonic()
        while (now := time.monotonic() - started) < DEADLINE_S:
            text += console.read(0.2)
            now = time.monotonic() - started
            for stage, pattern in stages.items():
                found = re.search(pattern.encode() + rb"[^\n]*\n", text)
                if stage in boot.seconds or not found:
                    continue
                if stage == "maintenance":
                    _reach(found[1].decode())
                    now = time.monotonic() - started
                boot.seconds[stage] = now
                boot.processor[stage] = _processor_seconds(process)
            if len(boot.seconds) == len(stages):
                if found := re.search(_STAGES["maintenance"].encode(), text):
                    asyncio.run(_ask(found[1].decode()))
                    boot.seconds[_ANSWER] = time.monotonic() - started
                    boot.processor[_ANSWER] = _processor_seconds(process)
                return boot
    finally:
        console.close()
        board.close()
    raise NodeError(f"{card.name} did not come up; last: {text[-200:].decode(errors='replace')}")


def _reach(address: str) -> None:
    """Connect to the API, however often that takes within `REACH_S`."""
    deadline = time.monotonic() + REACH_S
    while True:
        try:
            socket.create_connection((address, 50000), timeout=REACH_S).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


async def _ask(address: str) -> None:
    """Call the API, whatever certificate it shows."""
    async with connect(address, Blind()) as client:
        await client.version()


def _report(profile: Profile, baseline: list[Boot], ours: list[Boot], lab: float) -> None:
    def figure(what: str, which: str, goal: str) -> Figure:
        return Figure(
            what=f"{profile.name}: power to maintenance, {what} ({goal})",
            ours=median(getattr(each, which)["maintenance"] for each in ours),
            other=median(getattr(each, which)["busybox"] for each in baseline),
            other_name="same kernel, busybox with a lease",
            unit="s",
        )

    show(
        [
            figure("seconds", "seconds", f"the goal is {GOAL}"),
            figure("processor seconds of the emulator", "processor", "for comparison"),
            Figure(
                what="lab node: start to maintenance API",
                ours=lab,
                other=median(each.seconds["maintenance"] for each in ours),
                other_name="the emulated board",
                unit="s",
            ),
        ]
    )
    print("\n| stage | passed at | processor seconds |\n|---|---|---|")
    for stage in (*_STAGES, _ANSWER):
        at = median(each.seconds[stage] for each in ours)
        spent = median(each.processor[stage] for each in ours)
        print(f"| {stage} | {at:.1f} s | {spent:.1f} s |")


def _emulator() -> Path:
    """Return the /proc directory of the emulator, a child of this process."""
    for number in Path("/proc/self/task", str(os.getpid()), "children").read_text().split():
        place = Path("/proc", number)
        if place.joinpath("comm").read_text().startswith("qemu"):
            return place
    raise NodeError("the emulator is not running")


def _processor_seconds(process: Path) -> float:
    fields = process.joinpath("stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
