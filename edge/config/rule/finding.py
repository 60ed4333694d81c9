# SPDX-License-Identifier: Apache-2.0
"""What a rule found, and where."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.config.load import MachineConfig, Part
from edge.config.root import Root
from edge.config.stream import Path

# Half of the rules ask it.
_KIND_OF_MACHINE = ("machine", "type")


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, with file, line and path in its text."""

    text: str
    place: "Place"

    @property
    def is_certain(self) -> bool:
        """Say whether it is not the consequence of another fault: of something left out."""
        path = self.place.path
        return not any(
            left[: len(path)] == path[: len(left)] for left in self.place.part.doubtful
        ) and not any(left[-2:] == _KIND_OF_MACHINE for left in self.place.part.doubtful)


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in a document."""

    part: Part
    path: Path = ()

    def __truediv__(self, step: str | int) -> "Place":
        return Place(self.part, (*self.path, step))

    def fault(self, message: str) -> Finding:
        """Return a finding about this place."""
        return Finding(self.part.locate(self.path, message), self)


def root_places(config: MachineConfig) -> Iterator[tuple[Root, Place]]:
    """Yield the root document and its place, if there is one."""
    for part in config.parts:
        if isinstance(part.model, Root):
            yield part.model, Place(part)


def repeated(values: Iterable[object]) -> set[int]:
    """Return the positions of values that were there before."""
    seen: list[object] = []
    again: set[int] = set()
    for at, value in enumerate(values):
        if value in seen:
            again.add(at)
        seen.append(value)
    return again
