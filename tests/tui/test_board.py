# SPDX-License-Identifier: Apache-2.0
"""What the console screen knows of a board after what happened on its console."""

from typing import Any

from edge.provision.console import (
    ConsoleBack,
    ConsoleGarbled,
    ConsoleLost,
    Facts,
    FactsLearned,
    Stage,
    StagePassed,
)
from tui.board import Link, Step, WatchedBoard
from tui.board_news import who
from tui.console import Line, Opened, Printed, Refused

START_S = 1000.0


def passed(stage: Stage, at_s: float, boot: int = 1, **more: Any) -> StagePassed:
    """Return a stage of a boot that began with the console."""
    began = {1: 0.0, 2: 60.0}[boot]
    return StagePassed(stage=stage, text=f"{stage}!", boot=boot, at_s=at_s, boot_at_s=began, **more)


def watched(*events: Any) -> WatchedBoard:
    """Return the board after its console was opened and this happened."""
    board = WatchedBoard(line=Line(port="/dev/ttyUSB0"), link=Link.OPENING)
    for event in (Opened(name="/dev/ttyUSB0", started_s=START_S), *events):
        board.take(event, START_S + 50)
    return board


def shown(board: WatchedBoard, at_s: float) -> list[tuple[str, float | None]]:
    """Return the steps at a moment after the console was opened."""
    return [(each.stage, each.seconds) for each in board.steps(START_S + at_s)]


def test_every_stage_takes_until_the_next_one() -> None:
    """The last one takes its time while it is watched; a repeated one goes on."""
    board = watched(passed(Stage.FIRMWARE, 1.0), passed(Stage.GRUB, 5.0), passed(Stage.KERNEL, 6.5))
    assert shown(board, 10.0) == [("firmware", 4.0), ("grub", 1.5), ("kernel", 3.5)]
    board.take(passed(Stage.KERNEL, 8.0), START_S + 8)
    assert shown(board, 10.0)[-1] == ("kernel", 3.5)
    assert board.boot_seconds == 6.5


def test_failure_stands_after_its_stage_and_stops_the_clock() -> None:
    """A board that is stuck takes no more time; a remark is over as soon as it goes on."""
    failed = passed(Stage.KERNEL_FAILED, 9.0, advice="flash it again")
    board = watched(passed(Stage.KERNEL, 6.0), passed(Stage.KERNEL_ERROR, 7.0), failed)
    assert board.trouble == failed
    assert shown(board, 500.0) == [("kernel", 3.0), ("kernel-error", None), ("kernel-failed", None)]
    assert board.steps(START_S)[0] == Step(
        stage=Stage.KERNEL, seconds=3.0, is_over=False, is_stuck=True
    )
    board.take(passed(Stage.FIRMWARE, 61.0, boot=2), START_S + 61)
    assert board.boot == 2
    assert board.trouble is None


def test_another_boot_is_another_node_until_it_says_who_it_is() -> None:
    """Facts of the boot before are void, those of the line that begins the new one are not."""
    node = Facts(state="maintenance", addresses=("10.0.0.9",), fingerprint="x")
    board = watched(passed(Stage.MAINTENANCE, 30.0), FactsLearned(facts=node, boot=1))
    assert board.can_be_configured
    board.take(FactsLearned(facts=Facts(kernel="6.12"), boot=2), START_S + 60)
    board.take(passed(Stage.KERNEL, 60.0, boot=2), START_S + 60)
    assert not board.can_be_configured
    assert board.facts.kernel == "6.12"
    board.take(passed(Stage.RESTARTING, 65.0, boot=2), START_S + 65)
    board.take(passed(Stage.FIRMWARE, 70.0, boot=2), START_S + 70)
    assert board.facts.kernel == "6.12"


def test_link_local_addresses_cannot_be_called() -> None:
    """They need the name of a link of this machine, which the console does not know."""
    facts = Facts(state="maintenance", addresses=("fd00::1", "fe80::1"), fingerprint="x")
    board = watched(FactsLearned(facts=facts, boot=1))
    assert board.reachable_addresses == ("fd00::1",)
    board.take(FactsLearned(facts=Facts(state="maintenance", addresses=("fe80::1",)), boot=1), 0)
    assert not board.can_be_configured


def test_node_with_two_keys_is_not_configured() -> None:
    """When one boot named two keys nothing is sent, and the screen says why."""
    facts = Facts(state="maintenance", addresses=("10.0.0.9",), fingerprint="x", rivals=("y",))
    board = watched(FactsLearned(facts=facts, boot=1))
    assert not board.can_be_configured
    told = " ".join(cell.text for cell in who(board))
    assert "this boot named two keys" in told
    assert "and y" in told


def test_link_goes_and_comes_back() -> None:
    """Why it is away is known only while it is."""
    board = watched(Printed(lines=("a",), tail="", size_bytes=2), ConsoleGarbled(advice="try"))
    assert (board.link, board.size_bytes, board.is_garbled) == (Link.OPEN, 2, True)
    board.take(ConsoleLost(console="x", reason="it went away"), START_S + 7)
    assert (board.link, board.reason, board.since_s) == (Link.LOST, "it went away", START_S + 7)
    board.take(ConsoleBack(console="x"), START_S + 9)
    assert (board.link, board.reason) == (Link.OPEN, "")
    board.take(Refused(reason="busy", hint="close the other"), START_S + 9)
    assert (board.link, board.reason, board.hint) == (Link.REFUSED, "busy", "close the other")
