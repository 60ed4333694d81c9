# SPDX-License-Identifier: Apache-2.0
"""The supervisor's pauses and verdicts, on a clock that is turned by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.boot.supervisor import (
    FIRST_PAUSE_S,
    HEALTHY_AFTER_S,
    LONGEST_PAUSE_S,
    Request,
    Supervisor,
)


class World:
    """A clock and a machine that starts processes."""

    def __init__(self) -> None:
        self.now = 100.0
        self.started: list[float] = []
        self.failures = 0
        self.supervisor = Supervisor(self._start, lambda: self.now)

    def _start(self) -> int:
        self.started.append(self.now)
        if self.failures:
            self.failures -= 1
            raise OSError(12, "Cannot allocate memory")
        return 1000 + len(self.started)

    def crash(self, code: int = 1) -> float:
        """End the child and return the pause until the next."""
        pid = self.supervisor.pid
        assert pid
        crashed = self.supervisor.ended(pid, code)
        assert crashed
        return crashed.pause_s

    def sleep(self, seconds: float) -> None:
        """Turn the clock and let the supervisor look at it."""
        self.now += seconds
        self.supervisor.tend()


@pytest.fixture
def world() -> World:
    world = World()
    world.supervisor.tend()
    return world


def test_the_child_starts_at_once(world: World) -> None:
    """And once."""
    world.supervisor.tend()
    assert world.started == [100.0]
    assert world.supervisor.wait_s(2.0) == 2.0


def test_pauses_double_up_to_the_longest(world: World) -> None:
    """A child that keeps crashing is not started in a loop."""
    pauses = []
    for _ in range(8):
        pauses.append(world.crash())
        world.sleep(pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_it_is_not_started_before_its_time(world: World) -> None:
    """The caller is told how long it may sleep."""
    pause = world.crash()
    assert world.supervisor.wait_s(60.0) == pause
    world.sleep(pause / 2)
    assert len(world.started) == 1
    assert world.supervisor.wait_s(60.0) == pause / 2
    world.sleep(pause / 2)
    assert len(world.started) == 2


def test_a_long_life_is_forgiven(world: World) -> None:
    """After a minute of health the pauses begin from the shortest."""
    for _ in range(4):
        world.sleep(world.crash())
    world.sleep(HEALTHY_AFTER_S)
    assert world.crash() == FIRST_PAUSE_S


@pytest.mark.parametrize("request_", list(Request))
def test_two_exit_codes_end_the_machine(world: World, request_: Request) -> None:
    """They are wishes, not crashes."""
    pid = world.supervisor.pid
    assert pid
    assert world.supervisor.ended(pid, int(request_)) is None
    assert world.supervisor.request is request_
    world.sleep(1000)
    assert len(world.started) == 1


def test_orphans_are_none_of_its_business(world: World) -> None:
    """Even when they end with one of the codes."""
    assert world.supervisor.ended(4711, int(Request.REBOOT)) is None
    assert world.supervisor.request is None
    assert world.supervisor.pid


def test_a_child_that_cannot_be_started_is_tried_again() -> None:
    """PID 1 does not die of it."""
    world = World()
    world.failures = 2
    world.supervisor.tend()
    assert world.supervisor.pid is None
    assert world.supervisor.wait_s(60.0) == FIRST_PAUSE_S
    world.sleep(1)
    world.sleep(2)
    assert world.started == [100.0, 101.0, 103.0]
    assert world.supervisor.pid


@given(st.lists(st.tuples(st.floats(0, 200), st.integers(-15, 63)), max_size=20))
def test_pauses_stay_within_bounds(lives: list[tuple[float, int]]) -> None:
    """Whatever the child does, it comes back, and not too fast."""
    world = World()
    world.supervisor.tend()
    for seconds, code in lives:
        world.sleep(seconds)
        pause = world.crash(code)
        assert FIRST_PAUSE_S <= pause <= LONGEST_PAUSE_S
        world.sleep(pause)
        assert world.supervisor.pid
