# SPDX-License-Identifier: Apache-2.0
"""Whether a card is read back at once or afterwards follows from what it shows."""

import pytest

from edge.units import MIB
from flasher.write.pace import BusyClock, Habit, Pace

CHUNK = MIB


def _drive(*, alone: float, together: float, chunks: int = 200) -> Pace:
    """Write through a card whose rates (MiB/s) are given for both conditions."""
    now = [0.0]
    pace = Pace(lambda: now[0])
    for _ in range(chunks):
        now[0] += 1 / (together if pace.may_read else alone)
        pace.wrote(CHUNK)
    return pace


def test_card_with_room_for_both_is_read_while_written() -> None:
    """Reads that cost the write stream nothing trail it."""
    assert _drive(alone=20, together=20).habit is Habit.TRAILING


def test_card_on_one_bus_is_read_afterwards() -> None:
    """Reads that cost a fifth of the write stream wait for its end."""
    pace = _drive(alone=20, together=16.4)
    assert pace.habit is Habit.AFTERWARDS
    assert not pace.may_read


def test_little_is_read_alternately() -> None:
    """Before there is a verdict, windows with and without reading alternate."""
    assert _drive(alone=20, together=20, chunks=40).habit is Habit.TRYING


@pytest.mark.parametrize("together", [19.0, 21.0])
def test_noise_is_no_loss(together: float) -> None:
    """A few percent either way say nothing."""
    assert _drive(alone=20, together=together).habit is Habit.TRAILING


def test_waiting_for_the_image_is_no_slowness_of_the_card() -> None:
    """The clock of a card runs only while a write is under way, however many at once."""
    now = [0.0]
    clock = BusyClock(lambda: now[0])
    clock.begin()
    now[0] = 1
    clock.begin()
    now[0] = 2
    clock.end()
    assert clock() == 2
    clock.end()
    now[0] = 50
    assert clock() == 2
    clock.begin()
    now[0] = 51
    assert clock() == 3
