# SPDX-License-Identifier: Apache-2.0
"""What the console screen needs from the world, as one small protocol.

It speaks the events of `edge.provision.console` and the few values here. `tui.serial` is the real
thing; tests hand the app a fake.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from edge.events import Event

if TYPE_CHECKING:
    from boards.profile import Profile
    from edge.provision.console import Adapter
    from tui.reading import Reading

USUAL_BAUD: Final = 115200


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardConsole:
    """How fast a board's console is, and where its wires go."""

    board: str
    title: str
    baud: int
    connect: str = ""
    family: str = ""
    """Its SoC, which some failures are explained by."""

    @classmethod
    def of(cls, profile: "Profile") -> "BoardConsole":
        """Return the console of a board with a profile."""
        return cls(
            board=profile.name,
            title=profile.title,
            baud=profile.console.baud,
            connect=profile.console.connect,
            family=profile.soc,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A console to read: a device or a URL, how fast it is, and the board at its other end."""

    port: str
    baud: int = USUAL_BAUD
    board: BoardConsole | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Event):
    """The console can be read; `started_s` is where its times are counted from."""

    name: str
    started_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed(Event):
    """Lines that the board finished, and the one that it is at."""

    lines: tuple[str, ...]
    tail: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Event):
    """What comes is written to `path` from now on, or to nothing; `fault` says why it cannot be."""

    path: Path | None
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Event):
    """The console cannot be read, and nobody tries again."""

    reason: str
    hint: str = ""


class ConsoleServices(Protocol):
    """Finds consoles and reads them. Every call blocks, and raises EdgeError when it cannot."""

    def clock(self) -> float:
        """Return the seconds by which stages are timed."""
        ...

    def adapters(self) -> "Sequence[Adapter]":
        """Return the serial ports of this machine, the likely ones first."""
        ...

    def boards(self) -> Sequence[BoardConsole]:
        """Return the boards whose consoles are known."""
        ...

    def follow(self, line: Line, reading: "Reading") -> None:
        """Read a console and tell `reading` what happens, over any replugging, until it halts.

        It tells Opened, Printed, StagePassed, FactsLearned, ConsoleLost, ConsoleBack,
        ConsoleGarbled and Recording.
        """
        ...
