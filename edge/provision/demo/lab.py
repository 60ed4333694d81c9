# SPDX-License-Identifier: Apache-2.0
"""The demonstration on a lab node: seconds instead of a minute, no root, no emulator."""

import asyncio
from pathlib import Path

from edge.events import Listener
from edge.provision.demo.bench import Written
from edge.provision.lab import Lab
from flasher.record import CardRecords

NAME = "demo"


class LabBench:
    """A lab node called `demo`."""

    title = "lab node"

    def __init__(self, folder: Path, records: CardRecords) -> None:
        self._lab = Lab(folder / "lab", records)

    def prepare(self, listener: Listener) -> Written:
        """Flash the node's disk."""
        if any(node.name == NAME for node in self._lab.nodes()):
            self._lab.down([NAME])
        node = self._lab.create(NAME, listener=listener)
        return Written(fingerprint=node.fingerprint, enrolment_id=node.enrolment_id)

    def open(self) -> None:
        """Do nothing: loopback is there."""

    async def power_on(self, listener: Listener) -> str:
        """Start the node's process."""
        node = self._lab.node(NAME)
        before = len(_stages(node.console))
        await asyncio.to_thread(self._lab.start, NAME, listener=listener)
        for _ in range(200):
            if stages := _stages(node.console)[before:]:
                return stages[-1]
            await asyncio.sleep(0.05)
        return ""

    async def cut_power(self) -> None:
        """Kill the node's processes."""
        await asyncio.to_thread(self._lab.cut_power, NAME)

    def close(self) -> None:
        """Stop and delete the node."""
        if any(node.name == NAME for node in self._lab.nodes()):
            self._lab.down([NAME])


def _stages(console: Path) -> list[str]:
    lines = console.read_text(errors="replace").splitlines() if console.exists() else []
    words = [line.split()[1] for line in lines if line.startswith("edge: ")]
    return [word for word in words if word in ("maintenance", "running")]
