# SPDX-License-Identifier: Apache-2.0
"""What is known of a board from its console, folded from what happened on it.

Pure state: nothing here waits, reads or draws.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from operator import itemgetter

from edge.events import Event
from edge.provision.console import (
    ConsoleBack,
    ConsoleGarbled,
    ConsoleLost,
    Facts,
    FactsLearned,
    Stage,
    StagePassed,
    Timeline,
)
from tui.console import Line, Opened, Printed, Recording, Refused


class Link(StrEnum):
    """Whether the console can be read, as a word."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    LOST = "disconnected"
    REFUSED = "not open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stage of a boot, or a trouble on the way."""

    stage: Stage
    seconds: float | None
    """How long the stage took, or has been taking; a trouble takes no time."""
    is_over: bool
    is_stuck: bool = False
    """The board will not leave this stage by itself."""


@dataclass(slots=True, kw_only=True)
class WatchedBoard:
    """A board as its console shows it now."""

    line: Line | None = None
    link: Link = Link.CLOSED
    name: str = ""
    """The stable name of the console."""
    reason: str = ""
    """Why the console cannot be read, and what to do about it."""
    hint: str = ""
    since_s: float = 0.0
    """When the console was opened, or went away."""
    size_bytes: int = 0
    is_garbled: bool = False
    trouble: StagePassed | None = None
    """What went wrong last in this boot, until it went on."""
    facts: Facts = field(default_factory=Facts)
    recording: Recording = field(default_factory=lambda: Recording(path=None))
    _timeline: Timeline = field(default_factory=Timeline)
    _facts_boot: int = 0
    _started_s: float = 0.0

    def take(self, event: Event, now_s: float) -> None:
        """Take in what happened."""
        match event:
            case Printed(size_bytes=size_bytes):
                self.size_bytes += size_bytes
            case StagePassed():
                self._pass(event)
            case FactsLearned(facts=facts, boot=boot):
                self.facts, self._facts_boot = facts, boot
            case ConsoleGarbled():
                self.is_garbled = True
            case Recording():
                self.recording = event
            case _:
                self._take_link(event, now_s)

    @property
    def boot(self) -> int:
        """Return the number of the present boot, from 1; 0 before any was seen."""
        return self._timeline.boots[-1].number if self._timeline.boots else 0

    @property
    def boot_seconds(self) -> float:
        """Return the time from the first byte of this boot to the beginning of its last stage."""
        return self._timeline.boots[-1].seconds if self._timeline.boots else 0.0

    def steps(self, now_s: float) -> list[Step]:
        """Return the stages of the present boot, with the troubles where they came."""
        if not self._timeline.boots:
            return []
        boot = self._timeline.boots[-1]
        placed: list[tuple[float, Step]] = []
        stuck_s = self.trouble.at_s if self.trouble and self.trouble.stage.is_failure else None
        until_s = now_s - self._started_s if stuck_s is None else stuck_s
        for each in boot.passages:
            running = max(until_s - boot.at_s - each.at_s, 0.0)
            step = Step(
                stage=each.stage,
                seconds=running if each.took_s is None else each.took_s,
                is_over=each.took_s is not None,
                is_stuck=each.took_s is None and stuck_s is not None,
            )
            placed.append((each.at_s, step))
        # The same trouble again is no news here; its latest words are told elsewhere.
        first = {each.stage: each.at_s for each in reversed(boot.troubles)}
        for stage, at_s in first.items():
            placed.append((at_s - boot.at_s, Step(stage=stage, seconds=None, is_over=True)))
        return [step for _, step in sorted(placed, key=itemgetter(0))]

    @property
    def reachable_addresses(self) -> tuple[str, ...]:
        """Return the node's addresses that can be called from here."""
        every = self.facts.addresses
        return tuple(each for each in every if not ip_address(each).is_link_local)

    @property
    def can_be_configured(self) -> bool:
        """Say whether the board told where it waits for its configuration."""
        is_waiting = self.facts.state == "maintenance" and bool(self.reachable_addresses)
        # Two keys in one boot: one of them is not the node's, and nobody here knows which.
        return is_waiting and not self.facts.rivals

    def _take_link(self, event: Event, now_s: float) -> None:
        match event:
            case Opened(name=name, started_s=started_s):
                self.link, self.name, self._started_s = Link.OPEN, name, started_s
                self.since_s = now_s
            case ConsoleBack():
                self.link, self.reason = Link.OPEN, ""
            case ConsoleLost(reason=reason):
                self.link, self.reason, self.since_s = Link.LOST, reason, now_s
            case Refused(reason=reason, hint=hint):
                self.link, self.reason, self.hint = Link.REFUSED, reason, hint

    def _pass(self, passed: StagePassed) -> None:
        if passed.boot != self._facts_boot:
            # Who the board was before it started again says nothing about where it is now.
            self.facts = Facts()
        # Whoever is understood has the right speed; adapters are noisy when boards are switched on.
        self.is_garbled = False
        self._timeline.add(passed)
        self.trouble = passed if passed.stage.is_trouble else None
