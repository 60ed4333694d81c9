# SPDX-License-Identifier: Apache-2.0
"""When each boot reached its stages and how long each took: built from events, kept bounded."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from edge.provision.console.stage import Stage, StagePassed

MAX_BOOTS: Final = 64
MAX_PASSAGES: Final = 64
MAX_TROUBLES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One stage of one boot."""

    stage: Stage
    text: str
    at_s: float
    """Since the boot's first byte."""
    took_s: float | None
    """Until the next stage; nothing while it is the last one."""


@dataclass(slots=True, kw_only=True)
class Boot:
    """One boot: its stages in order, and the troubles on the way."""

    number: int
    at_s: float
    """Since the console was opened."""
    _stages: list[StagePassed] = field(default_factory=list)
    troubles: list[StagePassed] = field(default_factory=list)
    _last: Stage | None = None

    def add(self, passed: StagePassed) -> None:
        """Take in one event of this boot."""
        self._last = passed.stage
        if passed.stage.is_trouble:
            if len(self.troubles) < MAX_TROUBLES:
                self.troubles.append(passed)
        elif self._stages and self._stages[-1].stage == passed.stage:
            # Told again with other words, a stage still began when it began.
            self._stages[-1] = replace(passed, at_s=self._stages[-1].at_s)
        else:
            self._stages.append(passed)
            # A node that goes to and fro between two stages is not worth more memory; how it began
            # and where it is now are worth keeping.
            if len(self._stages) > MAX_PASSAGES:
                del self._stages[MAX_PASSAGES // 2]

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Return the stages with their times."""
        ends = [*(each.at_s for each in self._stages[1:]), None]
        return tuple(
            Passage(
                stage=each.stage,
                text=each.text,
                at_s=each.at_s - self.at_s,
                took_s=None if end is None else end - each.at_s,
            )
            for each, end in zip(self._stages, ends, strict=False)
        )

    @property
    def last(self) -> Stage | None:
        """Return the stage that it came to, or the trouble that came after it."""
        return self._last

    @property
    def seconds(self) -> float:
        """Return the time from the first byte to the last stage."""
        return self._stages[-1].at_s - self.at_s if self._stages else 0.0


class Timeline:
    """The latest boots of a board; feed it every StagePassed."""

    def __init__(self) -> None:
        self.boots: deque[Boot] = deque(maxlen=MAX_BOOTS)

    def add(self, passed: StagePassed) -> None:
        """Take in one event."""
        if not self.boots or self.boots[-1].number != passed.boot:
            self.boots.append(Boot(number=passed.boot, at_s=passed.boot_at_s))
        self.boots[-1].add(passed)

    def lines(self) -> Iterator[str]:
        """Yield the timeline as aligned text."""
        for boot in self.boots:
            yield f"boot {boot.number}{'at':>18}{'took':>10}"
            for each in boot.passages:
                took = "" if each.took_s is None else f"{each.took_s:.1f} s"
                yield f"  {each.stage:<14}{each.at_s:>7.1f} s{took:>10}   {each.text[:60]}".rstrip()
            for trouble in boot.troubles:
                at = f"{trouble.at_s - boot.at_s:.1f} s"
                yield f"  {trouble.stage:<14}{at:>9}{'':>10}   {trouble.text[:60]}".rstrip()
