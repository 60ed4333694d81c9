# SPDX-License-Identifier: Apache-2.0
"""What a reading thread and a screen hand to each other."""

import threading
from pathlib import Path

from tui.console import Printed
from tui.reading import MOST_WAITING, Reading

PATIENCE_S = 60.0


def printed(number: int) -> Printed:
    """Return one line."""
    return Printed(lines=(str(number),), tail="", size_bytes=1)


def test_everything_is_taken_once_and_in_order() -> None:
    """Nothing is lost or repeated between two drawings."""
    reading = Reading()
    for number in range(3):
        reading.tell(printed(number))
    assert reading.take() == (printed(0), printed(1), printed(2))
    assert reading.take() == ()


def test_a_flood_waits_for_the_screen() -> None:
    """The thread gets no further ahead than so much, and goes on when it is taken."""
    reading = Reading()
    total = 3 * MOST_WAITING

    def tell_all() -> None:
        for number in range(total):
            reading.tell(printed(number))

    thread = threading.Thread(target=tell_all)
    thread.start()
    taken: list[object] = []
    while len(taken) < total:
        some = reading.take()
        assert len(some) <= MOST_WAITING
        taken += some
    thread.join(PATIENCE_S)
    assert taken == [printed(number) for number in range(total)]


def test_halting_frees_a_thread_that_waits() -> None:
    """A screen that is left takes no more, and its thread ends all the same."""
    reading = Reading()
    for number in range(MOST_WAITING):
        reading.tell(printed(number))
    thread = threading.Thread(target=lambda: reading.tell(printed(0)))
    thread.start()
    assert not reading.is_halted()
    reading.halt()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert reading.is_halted()


def test_wish_to_record_is_seen() -> None:
    """The thread learns where to write, and when to stop."""
    reading = Reading()
    reading.record(Path("a.log"))
    assert reading.log_path == Path("a.log")
    reading.record(None)
    assert reading.log_path is None
