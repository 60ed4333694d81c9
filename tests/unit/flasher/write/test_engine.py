# SPDX-License-Identifier: Apache-2.0
"""Cards at work are watched: stalls are said, then given up; ctrl-C reaches all."""

from threading import Event as Flag

import pytest

from edge.errors import FlashError
from edge.events import Event, Listener, ignore
from edge.units import MIB
from flasher.write.engine import CardThread, wait_for
from flasher.write.event import CardNoted
from flasher.write.watch import GivenUpError, WatchedMedium
from tests.fakes.medium import FakeMedium

_PATIENCE_S = 60


def test_results_are_kept_each() -> None:
    """A report, an error and a bug all end up with the card they belong to."""

    def fail(_thread: CardThread) -> object:
        raise FlashError("bad")

    good, bad = CardThread("a", lambda _thread: "done"), CardThread("b", fail)
    wait_for([good, bad], stopping=Flag(), listener=ignore)
    assert good.result == "done"
    assert isinstance(bad.result, FlashError)


def test_stall_is_said_once_and_then_given_up() -> None:
    """A write that does not return is announced, and after a minute it ends its card."""
    now = [0.0]
    inner = FakeMedium(MIB)
    thread = CardThread("card", lambda _thread: None)
    thread.medium = medium = WatchedMedium(inner, lambda: now[0])
    events: list[Event] = []
    errors: list[FlashError | None] = []

    def age(_offset: int) -> None:
        for seconds in (4, 6, 30, 61):
            now[0] = seconds
            errors.append(thread.look(events.append))

    inner.on_write = age
    with pytest.raises(GivenUpError):
        medium.write(0, memoryview(bytes(4096)))
    assert events == [CardNoted(card="card", text="no progress for 6.0 s, waiting")]
    *before, last = errors
    assert before == [None, None, None]
    assert last is not None
    assert "made no progress for 1 min 1 s" in last.message


def test_given_up_card_does_not_hold_the_run() -> None:
    """The run ends while the card's thread still hangs."""
    may_go = Flag()

    def hang(_thread: CardThread) -> object:
        assert may_go.wait(_PATIENCE_S)
        return "late"

    class Hopeless(CardThread):
        def look(self, listener: Listener) -> FlashError | None:
            return FlashError("given up")

    hanging = Hopeless("card", hang)
    wait_for([hanging], stopping=Flag(), listener=ignore)
    assert isinstance(hanging.result, FlashError)
    may_go.set()


def test_interrupt_in_one_card_stops_all() -> None:
    """Every card is told before the interrupt goes on."""
    stopping = Flag()

    def interrupt(_thread: CardThread) -> object:
        raise KeyboardInterrupt

    def wait(_thread: CardThread) -> object:
        assert stopping.wait(_PATIENCE_S)
        return "told"

    told = CardThread("b", wait)
    with pytest.raises(KeyboardInterrupt):
        wait_for([CardThread("a", interrupt), told], stopping=stopping, listener=ignore)
    assert told.result == "told"


def test_card_that_was_given_up_takes_nothing_more() -> None:
    """A write that comes back after all fails, and so does what would have followed it."""
    now = [0.0]
    inner = FakeMedium(MIB)
    medium = WatchedMedium(inner, lambda: now[0])

    def stall(_offset: int) -> None:
        now[0] = 61
        assert medium.give_up_overdue() == 61

    inner.on_write = stall
    with pytest.raises(GivenUpError):
        medium.write(0, memoryview(bytes(4096)))
    with pytest.raises(GivenUpError):
        medium.write(4096, memoryview(bytes(4096)))
    assert [offset for offset, _ in inner.writes] == [0]


def test_interrupt_while_cards_begin_stops_those_that_have() -> None:
    """Ctrl-C between the first card's start and the second's is heard by the first."""
    stopping = Flag()

    class Unstarted(CardThread):
        def start(self) -> None:
            raise KeyboardInterrupt

    def wait(_thread: CardThread) -> object:
        assert stopping.wait(_PATIENCE_S)
        return "told"

    begun, other = CardThread("a", wait), Unstarted("b", wait)
    with pytest.raises(KeyboardInterrupt):
        wait_for([begun, other], stopping=stopping, listener=ignore)
    assert (begun.result, other.result) == ("told", None)


def test_listener_that_raises_stops_all() -> None:
    """Whatever ends the waiting ends the cards as well."""
    stopping = Flag()

    class Noisy(CardThread):
        def look(self, listener: Listener) -> FlashError | None:
            raise BrokenPipeError

    def wait(_thread: CardThread) -> object:
        assert stopping.wait(_PATIENCE_S)
        return "told"

    card = Noisy("a", wait)
    with pytest.raises(BrokenPipeError):
        wait_for([card], stopping=stopping, listener=ignore)
    assert card.result == "told"


def test_second_interrupt_leaves_the_card_that_hangs() -> None:
    """Nobody waits any longer, and the card takes nothing from its thread when that comes back."""

    class Hanging(CardThread):
        def start(self) -> None:
            self.medium = WatchedMedium(FakeMedium(MIB))

        def join(self, timeout_s: float) -> None:
            raise KeyboardInterrupt

    card = Hanging("a", lambda _thread: None)
    with pytest.raises(KeyboardInterrupt):
        wait_for([card], stopping=Flag(), listener=ignore)
    assert card.medium is not None
    assert card.medium.is_given_up
