# SPDX-License-Identifier: Apache-2.0
"""Consoles of boards that no emulator stands in for, replayed from what documentation says.

A log says in its first line that it was composed and not recorded. Beside it lies what the
detector makes of it: boots, stages, advice, and what is known at the end.
"""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.catalog import all_profiles
from edge.events import Event
from edge.provision.console import Facts, FactsLearned, StageDetector, StagePassed

GOLDEN = Path(__file__).parents[2] / "golden/console"
LOGS = sorted(path.stem for path in GOLDEN.glob("*.log"))
# What no emulator that boots our images stands in for, and what it has to come to.
REAL_BOARDS = (
    *("rpi3", "rpi4", "rpi5", "jetson-nano", "jetson-xavier-nx", "jetson-agx-xavier"),
    *("jetson-orin-nano", "jetson-orin-nx", "jetson-agx-orin", "rock-5b", "turing-rk1", "nuc"),
)


def events_of(*pieces: bytes, family: str = "") -> list[Event]:
    """Return what a fresh detector says about `pieces`."""
    detector = StageDetector(family)
    return [event for piece in pieces for event in detector.feed(piece)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return `data` cut at `places`."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def read(name: str) -> bytes:
    """Return a log."""
    return (GOLDEN / f"{name}.log").read_bytes()


def shown(events: list[Event]) -> str:
    """Return events as they are written down beside a log."""
    text = ""
    facts = Facts()
    for event in events:
        if isinstance(event, FactsLearned):
            facts = event.facts
        if isinstance(event, StagePassed):
            text += f"{event.boot} {event.stage}: {event.text}\n"
            text += f"    {event.advice}\n" if event.advice else ""
    known = {
        "board": facts.board,
        "model": facts.model,
        "kernel": facts.kernel,
        "family": facts.family,
        "state": facts.state,
        "addresses": ",".join(facts.addresses),
        "fingerprint": facts.fingerprint,
        "card": facts.card,
    }
    return text + "".join(f"= {key} {value}\n" for key, value in known.items() if value)


@pytest.mark.parametrize("name", LOGS)
def test_log_is_understood(name: str) -> None:
    """Each log yields exactly the stages, advice and facts written down beside it."""
    assert shown(events_of(read(name))) == (GOLDEN / f"{name}.stages").read_text()


@pytest.mark.parametrize("name", LOGS)
def test_log_says_that_it_was_composed(name: str) -> None:
    """Nobody takes these for recordings."""
    assert read(name).startswith(b"# composed from documentation, not recorded on hardware\r\n")


@pytest.mark.parametrize("board", REAL_BOARDS)
def test_board_comes_to_maintenance(board: str) -> None:
    """Every board with a profile and no emulator has a log that ends where a node can be met."""
    names = [name for name in LOGS if name.startswith(board) and name.endswith("maintenance")]
    assert names
    family = next(each.soc for each in all_profiles() if each.name == board)
    for name in names:
        facts = [event.facts for event in events_of(read(name)) if isinstance(event, FactsLearned)]
        assert facts[-1].is_reachable
        assert facts[-1].state == "maintenance"
        assert facts[-1].family in (family, "")


@given(name=st.sampled_from(LOGS), places=st.lists(st.integers(0, 8192), max_size=40))
def test_cutting_a_log_changes_nothing(name: str, places: list[int]) -> None:
    """A log arriving in any pieces yields the same events as in one piece."""
    data = read(name)
    assert events_of(*cut(data, places)) == events_of(data)


@given(name=st.sampled_from(LOGS))
def test_byte_by_byte_is_the_same(name: str) -> None:
    """A slow line changes nothing either."""
    data = read(name)
    assert events_of(*(bytes([each]) for each in data)) == events_of(data)


@given(
    first=st.sampled_from(LOGS),
    second=st.sampled_from(LOGS),
    noise=st.binary(max_size=64),
)
def test_boards_may_be_swapped(first: str, second: str, noise: bytes) -> None:
    """One log after another, with noise between, never raises and never loses count."""
    events = events_of(read(first), noise, b"\n", read(second))
    boots = [event.boot for event in events if isinstance(event, StagePassed)]
    assert boots == sorted(boots)
