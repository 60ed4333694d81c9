# SPDX-License-Identifier: Apache-2.0
"""What a line of a console means: the form of the tables in `table/`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge.provision.console.stage import Stage


class Repeat(StrEnum):
    """What it means when a line that was seen in this boot comes once more."""

    NOTHING = "nothing"
    STARTS = "starts"
    """A boot prints it once, when its stage begins: it is another boot."""
    NEWS = "news"
    """Worth telling again when it comes with other words: an address, a slot."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A line that marks a stage, a remark or a failure."""

    stage: Stage
    text: str
    """A regular expression, searched for in the line without its time stamp."""
    repeat: Repeat = Repeat.NOTHING
    only_in: Stage | None = None
    """The words mean this only while that stage is the latest."""
    advice: str = ""
    """Of a remark or failure: one sentence on what it means and what to do."""
    families: Mapping[str, str] = field(default_factory=dict)
    """The sentence for boards of a SoC family (`soc` of a profile), where it is another one."""
    is_prompt: bool = False
    """It waits for a key: the line has no end, and the pattern fits all of it."""

    def advise(self, family: str) -> str:
        """Return the sentence for a board of the SoC family `family`; it may be unknown."""
        return self.families.get(family, self.advice)


class PatternSet:
    """Patterns in the order in which they are tried; most lines fit none, which is quick."""

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self._compiled = [(pattern, re.compile(pattern.text)) for pattern in patterns]
        self._any = re.compile("|".join(f"(?:{pattern.text})" for pattern in patterns))

    def find(self, line: str, rank: int) -> Pattern | None:
        """Return the first pattern that `line` fits while the latest stage has this `rank`."""
        if not self._any.search(line):
            return None
        fitting = (pattern for pattern, regex in self._compiled if regex.search(line))
        return next(
            (
                pattern
                for pattern in fitting
                if pattern.only_in is None or pattern.only_in.rank == rank
            ),
            None,
        )
