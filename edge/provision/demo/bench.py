# SPDX-License-Identifier: Apache-2.0
"""What the demonstration runs on: an emulated board, or a lab node where there is no emulator.

Both take the same way: a disk written by the flasher, power, maintenance, configuration, power
cut. Only what is underneath differs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.events import Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A disk that was written and read back: what the flasher recorded of it."""

    fingerprint: str
    enrolment_id: str


class Bench(Protocol):
    """One virtual board."""

    title: str

    def prepare(self, listener: Listener) -> Written:
        """Build the image if there is one, and flash it to a new disk."""

    def open(self) -> None:
        """Make the network that the board will be on."""

    async def power_on(self, listener: Listener) -> str:
        """Switch on, and return the stage that was reached: "maintenance" or "running"."""

    async def cut_power(self) -> None:
        """Pull the plug."""

    def close(self) -> None:
        """Cut the power and leave nothing running."""


def make_folder(folder: Path) -> Path:
    """Return `folder`, made and empty of an earlier demonstration's files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("card.img", "console.log"):
        (folder / name).unlink(missing_ok=True)
    return folder
