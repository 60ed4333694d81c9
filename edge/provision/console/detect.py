# SPDX-License-Identifier: Apache-2.0
"""Name the boot stages in the text of a serial console, in whatever pieces it arrives."""

import re
from collections.abc import Iterator
from typing import Final

from edge.events import Event
from edge.provision.console.fact import Facts, FactsLearned, is_about_node, learn
from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage, StagePassed
from edge.provision.console.table import LINES, PROMPTS
from edge.provision.console.terminal import ConsoleText, Line

MAX_TEXT: Final = 200
MAX_REMARKS: Final = 8
_KERNEL_RANK: Final = Stage.KERNEL.rank or 0
_SPEAKERS: Final = dict.fromkeys((Stage.KERNEL_ERROR, Stage.KERNEL_FAILED), _KERNEL_RANK)

# What Linux puts before a message of its log, Jetson's MB1 likewise, and the Pi 5's EEPROM.
_TIME_STAMP: Final = re.compile(r"^(?:(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?| *\d+\.\d\d )")


class StageDetector:
    """Turns console bytes into the stages that passed; how they are cut up makes no difference."""

    def __init__(self, family: str = "") -> None:
        """Explain failures for boards of the SoC `family`; unknown, the console may name it."""
        self._text = ConsoleText()
        self._family = family
        self._started_s: float | None = None
        self._boot = 0
        self._boot_at_s = 0.0
        self._next_at_s: float | None = None
        self._rank = -1
        self._over = False
        self._told: dict[Stage, str] = {}
        self._starts: set[Pattern] = set()
        self._remarks = 0
        self._facts = Facts()
        self._named_s = (0.0, 0.0)

    @property
    def boots(self) -> int:
        """Return how many boots were seen so far."""
        return self._boot

    @property
    def facts(self) -> Facts:
        """Return what is known about the machine of the latest boot."""
        return self._facts

    @property
    def family(self) -> str:
        """Return the board's SoC family: the one that was named, or that the console gave away."""
        return self._family or self._facts.family

    @property
    def agreed_s(self) -> float:
        """Return for how many seconds the node has been saying the same fingerprint."""
        first, latest = self._named_s
        return latest - first

    def start(self, now_s: float) -> float:
        """Return when this detector was first started: `now_s`, or an earlier moment."""
        if self._started_s is None:
            self._started_s = now_s
        return self._started_s

    def feed(self, data: bytes, at_s: float = 0.0) -> list[Event]:
        """Return what `data`, which came at `at_s`, tells: StagePassed and FactsLearned."""
        return [event for line in self._text.feed(data, at_s) for event in self._judge(line)]

    def _judge(self, line: Line) -> Iterator[Event]:
        text = _TIME_STAMP.sub("", line.text, count=1)
        pattern = (PROMPTS if line.is_prompt else LINES).find(text, self._rank)
        if self._next_at_s is None and (self._over or self._boot == 0):
            self._next_at_s = line.at_s
        if pattern and self._begins_boot(pattern):
            self._begin_boot(line.at_s)
        # Before the explanation: the line may be the one that names the board.
        if not line.is_prompt and (learned := self._learn(text, line.at_s)):
            yield learned
        if pattern and (passed := self._pass(pattern, text.strip()[:MAX_TEXT], line.at_s)):
            yield passed

    def _learn(self, text: str, at_s: float) -> FactsLearned | None:
        before, self._facts = self._facts, learn(self._facts, text)
        if is_about_node(text):
            is_same = before.fingerprint and before.fingerprint == self._facts.fingerprint
            self._named_s = (self._named_s[0] if is_same else at_s, at_s)
        if self._facts == before or not self._boot:
            return None
        return FactsLearned(facts=self._facts, boot=self._boot)

    def _pass(self, pattern: Pattern, text: str, at_s: float) -> StagePassed | None:
        stage = pattern.stage
        # Who complains is running, though nothing may have said that it began.
        rank = stage.rank if stage.rank is not None else _SPEAKERS.get(stage, -1)
        self._rank = max(self._rank, rank)
        if stage.is_end:
            self._over, self._next_at_s = True, None
        if pattern.repeat is Repeat.STARTS:
            self._starts.add(pattern)
        if not self._is_news(pattern, text):
            return None
        self._told[stage] = text
        return StagePassed(
            stage=stage,
            text=text,
            boot=self._boot,
            advice=pattern.advise(self.family),
            at_s=at_s,
            boot_at_s=self._boot_at_s,
        )

    def _begins_boot(self, pattern: Pattern) -> bool:
        if self._boot == 0:
            return True
        rank = pattern.stage.rank
        if rank is None:
            return False
        if self._over:
            return rank <= _KERNEL_RANK
        if pattern.repeat is Repeat.STARTS and (pattern in self._starts or rank < self._rank):
            return True
        return rank < _KERNEL_RANK <= self._rank

    def _begin_boot(self, at_s: float) -> None:
        self._boot_at_s = at_s if self._next_at_s is None else self._next_at_s
        if self._boot:
            self._facts = Facts()
        self._boot += 1
        self._rank, self._over, self._next_at_s, self._remarks = -1, False, None, 0
        self._told.clear()
        self._starts.clear()

    def _is_news(self, pattern: Pattern, text: str) -> bool:
        if pattern.stage.is_remark:
            self._remarks += 1
            return self._remarks <= MAX_REMARKS
        before = self._told.get(pattern.stage)
        return before is None or (pattern.repeat is Repeat.NEWS and before != text)
