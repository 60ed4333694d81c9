# SPDX-License-Identifier: Apache-2.0
"""Boots a node on a fake platform and cuts its power at every single write, one after the other.

Run as a program, with a folder and two configurations as arguments. Every cut happens in a child
process that ends at once, without closing or flushing anything, in front of its n-th write. What
the next boot then finds is printed, a JSON line a cut.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from edge.meta import keys
from edge.node.configuration import Configuration, parse_configuration
from edge.node.log import start_logging
from edge.node.machine import Machine
from edge.pki.key import new_key
from tests.fakes.node import FakePlatform, write_disk

WRITES = {"write", "pwrite", "fsync", "replace", "mkdir", "unlink", "rmdir", "truncate"}
CUT = 77


def main() -> None:
    """Cut first boots, then changes of the configuration, until a run is through without a cut."""
    folder = Path(sys.argv[1])
    first, second = (parse_configuration(Path(each).read_bytes()) for each in sys.argv[2:4])
    configured, values = folder / "configured", {keys.NODE_KEY: new_key()}
    kinds: tuple[Literal["gpt", "mbr"], ...] = ("gpt", "mbr")
    for kind in kinds:
        flashed = folder / kind
        flashed.mkdir(parents=True)
        write_disk(flashed / "disk.img", values, kind)
        _cut_everywhere(f"first boot {kind}", flashed, folder / "node", first)
    _copy(folder / "gpt", configured)
    asyncio.run(_boot_and_apply(configured, first))
    _cut_everywhere("change", configured, folder / "node", second)


def _copy(start: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    # The program keeps the holes of the disk, and so most of the time.
    subprocess.run(["cp", "-r", str(start), str(folder)], check=True)


def _cut_everywhere(name: str, start: Path, folder: Path, config: Configuration) -> None:
    for number in range(1, 1000):
        _copy(start, folder)
        cut = _in_child(lambda: _with_cut(number, folder, config)) == CUT  # noqa: B023
        report = asyncio.run(_inspect(folder, config))
        print(json.dumps({"run": name, "cut": number if cut else 0} | report))
        if not cut:
            return


def _with_cut(number: int, folder: Path, config: Configuration) -> None:
    left = number

    def count(_frame: FrameType, event: str, argument: Any) -> None:
        nonlocal left
        if event == "c_call" and argument.__name__ in WRITES:
            left -= 1
            if left == 0:
                os._exit(CUT)

    threading.setprofile(count)
    sys.setprofile(count)
    asyncio.run(_boot_and_apply(folder, config))


def _in_child(action: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        action()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def _boot_and_apply(folder: Path, configuration: Configuration) -> None:
    machine = await _boot(folder)
    await machine.persist(configuration)


async def _inspect(folder: Path, config: Configuration) -> dict[str, str]:
    machine = await _boot(folder)
    report = {
        "stage": str(machine.stage),
        "text": machine.active.text if machine.active else "",
        "faults": str(machine.volumes.faults),
    }
    await machine.persist(config)
    machine.activate(config)
    return report | {"healed": str(machine.stage)}


async def _boot(folder: Path) -> Machine:
    machine = Machine(FakePlatform(folder), start_logging(lambda _text: None))
    await machine.boot()
    await machine.open_rest()
    return machine


if __name__ == "__main__":
    main()
