# SPDX-License-Identifier: Apache-2.0
"""The tables of what boards print: each trouble has its sentence, and each pattern an example."""

import re
from collections.abc import Iterator

import pytest

from boards.catalog import all_profiles
from edge.provision.console.detect import StageDetector
from edge.provision.console.explain import explain_noise, explain_silence, explain_stall
from edge.provision.console.pattern import Pattern
from edge.provision.console.stage import Stage
from edge.provision.console.table import PATTERNS
from edge.provision.console.terminal import ConsoleText
from tests.unit.console.test_replay import LOGS, read

TROUBLES = [each for each in PATTERNS if each.stage.is_trouble]
STAMP = re.compile(r"^(\[ *\d+\.\d+\](\[ *T\d+\])? ?| *\d+\.\d\d )")


def sentences(pattern: Pattern) -> Iterator[str]:
    """Yield what is said about a trouble, to whichever board."""
    yield pattern.advice
    yield from pattern.families.values()


@pytest.mark.parametrize("pattern", TROUBLES, ids=lambda each: each.text)
def test_every_trouble_has_one_sentence(pattern: Pattern) -> None:
    """It begins small, ends without a full stop, and is one sentence that a terminal can hold."""
    for sentence in sentences(pattern):
        assert 40 <= len(sentence) <= 240
        assert sentence[0].islower() or sentence.split()[0] in (
            *("GRUB", "GRUB's", "U-Boot", "U-Boot's", "PID", "Secure", "NVIDIA's", "EFI"),
        )
        assert not sentence.endswith(".")
        assert ". " not in sentence
        assert "\n" not in sentence
        assert "  " not in sentence


def test_only_troubles_are_explained() -> None:
    """A stage that passed needs no advice."""
    assert [each.text for each in PATTERNS if each.advice and not each.stage.is_trouble] == []


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda each: each.text)
def test_every_pattern_has_an_example(pattern: Pattern) -> None:
    """Some log beside the tests holds a line that it fits."""
    regex = re.compile(pattern.text)
    lines = (line for name in LOGS for line in ConsoleText().feed(read(name)))
    assert any(regex.search(STAMP.sub("", each.text)) for each in lines)


def test_families_are_those_of_boards() -> None:
    """A sentence for a family that no profile has would never be said."""
    known = {profile.soc for profile in all_profiles()}
    assert {family for each in PATTERNS for family in each.families} <= known


@pytest.mark.parametrize("stage", [stage for stage in Stage if not stage.is_trouble])
def test_every_stage_explains_standing_still(stage: Stage) -> None:
    """Where a board stops without a complaint, there is a sentence too."""
    for family in ("", "tegra234", "bcm2711"):
        assert 30 <= len(explain_stall(stage, family)) <= 240


def test_board_changes_the_advice() -> None:
    """The same line is explained otherwise on another board, named or recognised."""
    line = b"Kernel panic - not syncing: Asynchronous SError Interrupt\n"
    named = StageDetector("bcm2712").feed(line)
    told = StageDetector().feed(b"[    0.0] Machine model: Raspberry Pi 5 Model B\n" + line)
    unknown = StageDetector().feed(line)
    advices = [getattr(events[-1], "advice", "") for events in (named, told, unknown)]
    assert "D0" in advices[0]
    assert advices[0] == advices[1] != advices[2]


def test_silence_names_the_pins() -> None:
    """Where the board is known, its console's place is part of the hint."""
    assert explain_silence("pins 8, 10, 6").endswith(": pins 8, 10, 6")
    assert "1500000" in explain_noise(115200)
    assert "115200" in explain_noise(1500000)
