# SPDX-License-Identifier: Apache-2.0
"""Boot stages named from console logs."""

from hypothesis import given
from hypothesis import strategies as st

from edge.provision.console import Stage, StageDetector, StagePassed
from tests.unit.console.test_replay import cut


def stages_of(*pieces: bytes) -> list[StagePassed]:
    """Return the stages that a fresh detector sees in `pieces`."""
    detector = StageDetector()
    events = [event for piece in pieces for event in detector.feed(piece)]
    return [event for event in events if isinstance(event, StagePassed)]


@given(data=st.binary(max_size=600), places=st.lists(st.integers(0, 600), max_size=10))
def test_noise_is_harmless(data: bytes, places: list[int]) -> None:
    """Line noise never raises, and is cut up as freely as text."""
    assert stages_of(*cut(data, places)) == stages_of(data)


@given(st.lists(st.sampled_from([b"\x1b[2J", b"\x1b[01;31m", b"\x1b7", b"\x1b]0;t\x07", b"\x00"])))
def test_escapes_before_a_line_are_dropped(escapes: list[bytes]) -> None:
    """No escape sequence before a line hides its stage."""
    assert [one.stage for one in stages_of(*escapes, b"edge: loader\r\n")] == [Stage.LOADER]


def test_backspaces_are_carried_out() -> None:
    """A line corrected by backspaces is read as it stands on the screen."""
    passed = stages_of(b"edge: loades\b\b\bder\n")
    assert [one.text for one in passed] == ["edge: loader"]


def test_long_line_is_cut() -> None:
    """A line without end takes a bounded amount of memory and does not hide the next one."""
    passed = stages_of(b"x" * 100_000, b"\nedge: loader\n")
    assert [one.stage for one in passed] == [Stage.LOADER]


def test_prompt_needs_no_line_end() -> None:
    """A prompt that waits for a key is recognised although its line never ends."""
    assert [one.stage for one in stages_of(b"\r\nU-Boot> ")] == [Stage.U_BOOT_FAILED]


def test_remarks_are_bounded() -> None:
    """A board that complains without end is quoted a few times a boot."""
    passed = stages_of(b"BUG: something\n" * 1000)
    assert len(passed) == 8


def test_attaching_late_begins_with_the_first_boot() -> None:
    """A console opened on a running board counts that boot as the first."""
    passed = stages_of(b"edge: running cam-01\nWelcome to GRUB!\n")
    assert [(one.boot, one.stage) for one in passed] == [(1, Stage.RUNNING), (2, Stage.GRUB)]


def test_every_stage_is_of_one_kind() -> None:
    """Failures, remarks and ends are three sets that do not meet."""
    for stage in Stage:
        assert sum((stage.is_failure, stage.is_remark, stage.is_end)) <= 1
