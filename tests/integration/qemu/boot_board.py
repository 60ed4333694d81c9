# SPDX-License-Identifier: Apache-2.0
"""Boot a board's image in one of its emulators and tell as JSON what was seen.

    python -m tests.integration.qemu.boot_board --board rpi4 --emulator raspi4b

A process of its own, because it moves into a network namespace.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from boards.catalog import load_profile
from edge.client.client import connect
from edge.client.trust import Pinned
from edge.errors import EdgeError
from edge.events import Event, Noted, ignore
from edge.provision.demo.bench import Written
from edge.provision.demo.emulated import EmulatedBench
from edge.provision.demo.run import find
from flasher.record import CardRecords


async def boot(bench: EmulatedBench, written: Written) -> dict[str, Any]:
    """Return what the console and then the API of the board tell."""
    started, stages = time.monotonic(), dict[str, float]()

    def note(event: Event) -> None:
        if isinstance(event, Noted):
            stages.setdefault(event.text.partition(":")[0], time.monotonic() - started)

    passed = await bench.boot(note)
    try:
        return {
            "stages": {name: round(seconds, 1) for name, seconds in stages.items()},
            "marker": passed.text,
            **await ask(written),
            "console": (bench.disk.with_name("console.log")).read_text(errors="replace"),
            "other_port": bench.other_port,
            "seconds": round(time.monotonic() - started, 1),
        }
    finally:
        await bench.cut_power()


async def ask(written: Written) -> dict[str, Any]:
    """Return what the maintenance API tells of the hardware."""
    node = await find(written.enrolment_id)
    async with connect(node.address, Pinned(fingerprints={written.fingerprint})) as client:
        disks = await client.resources("Disks.block.talos.dev", "runtime")
        links = await client.resources("LinkStatuses.net.talos.dev", "network")
        system = await client.resource(
            "SystemInformations.hardware.talos.dev", "hardware", "systeminformation"
        )
    return {
        "node": {"board": node.board, "state": node.state, "address": node.address},
        "disks": {each.id: each.spec for each in disks},
        "links": {each.id: each.spec for each in links},
        "system": system.spec,
    }


def main() -> None:
    """Boot what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", required=True)
    parser.add_argument("--emulator")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgectl-boot-") as name:
        os.environ["EDGECTL_HOME"] = name
        folder = Path(name)
        records = CardRecords(folder / "cards.sqlite")
        profile = load_profile(options.board)
        bench = EmulatedBench(profile, folder, records, emulator=options.emulator)
        try:
            written = bench.prepare(ignore)
            bench.open()
            print(json.dumps(asyncio.run(boot(bench, written)), default=str))
        except (EdgeError, TimeoutError) as error:
            console = folder / "console.log"
            text = console.read_text(errors="replace")[-4000:] if console.exists() else ""
            raise SystemExit(f"{text}\n{bench.other_port}\n{error!r}") from error
        finally:
            bench.close()


if __name__ == "__main__":
    main()
