# SPDX-License-Identifier: Apache-2.0
"""The capacity probe finds every kind of lie, and believes whoever is honest."""

import errno
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import FlashError
from edge.events import Event, Progressed
from edge.units import KIB, MIB
from flasher.ranges import Range
from flasher.write.medium import MediumGoneError
from flasher.write.probe import probe_capacity

_SECTOR = 512


class TwistedMedium:
    """A card in memory whose every sector is kept where `place` says, or nowhere."""

    def __init__(self, size_bytes: int, place: Callable[[int], int | None]) -> None:
        self.name, self.size_bytes, self.is_blank = "/dev/fake", size_bytes, False
        self.place = place
        self.sectors: dict[int, bytes] = {}
        self.written: list[Range] = []
        self.fault: Callable[[str, int], None] = lambda _action, _offset: None

    def write(self, offset: int, data: memoryview) -> None:
        self.fault("write", offset)
        self.written.append(Range(offset, offset + len(data)))
        for at in range(0, len(data), _SECTOR):
            place = self.place(offset + at)
            if place is not None:
                self.sectors[place] = bytes(data[at : at + _SECTOR])

    def read(self, offset: int, into: memoryview) -> None:
        self.fault("read", offset)
        for at in range(0, len(into), _SECTOR):
            place = self.place(offset + at)
            kept = None if place is None else self.sectors.get(place)
            into[at : at + _SECTOR] = kept or bytes([0xA5]) * _SECTOR

    def flush(self) -> None:
        self.fault("flush", 0)

    def reread_table(self) -> None:
        raise AssertionError("nothing to do with the probe")


def _wrapping(size_bytes: int, capacity_bytes: int) -> TwistedMedium:
    return TwistedMedium(size_bytes, lambda offset: offset % capacity_bytes)


def _dropping(size_bytes: int, capacity_bytes: int) -> TwistedMedium:
    return TwistedMedium(size_bytes, lambda offset: offset if offset < capacity_bytes else None)


sizes = st.integers(4, 40_000).map(lambda sectors: sectors * 4 * _SECTOR)


@given(sizes)
@settings(max_examples=30, deadline=None)
def test_honest_card_is_believed(size_bytes: int) -> None:
    """A card of any size that keeps all it claims passes, with its size."""
    assert probe_capacity(_wrapping(size_bytes, size_bytes)) == size_bytes


@given(st.data(), sizes)
@settings(max_examples=60, deadline=None)
def test_every_wrap_is_found(data: st.DataObject, size_bytes: int) -> None:
    """A card that starts over at any capacity below what it claims is refused."""
    sectors = size_bytes // 4096 * 4096 // _SECTOR
    capacity = data.draw(st.integers(1, sectors - 1)) * _SECTOR
    with pytest.raises(FlashError, match=r"/dev/fake claims .* and holds"):
        probe_capacity(_wrapping(size_bytes, capacity))


@given(st.data(), sizes)
@settings(max_examples=40, deadline=None)
def test_every_drop_is_found(data: st.DataObject, size_bytes: int) -> None:
    """A card that forgets what is beyond any capacity below what it claims is refused."""
    sectors = size_bytes // 4096 * 4096 // _SECTOR
    capacity = data.draw(st.integers(0, sectors - 1)) * _SECTOR
    with pytest.raises(FlashError, match=r"/dev/fake claims .* and holds only about"):
        probe_capacity(_dropping(size_bytes, capacity))


@pytest.mark.parametrize("make", [_wrapping, _dropping])
def test_found_size_is_named(make: Callable[[int, int], TwistedMedium]) -> None:
    """The message has what the card claims and what it holds, and says what to do."""
    with pytest.raises(FlashError) as caught:
        probe_capacity(make(64 * MIB, 8 * MIB))
    assert "claims 64.0 MiB and holds only about 8.0 MiB" in caught.value.message
    assert "unbootable" in caught.value.message
    assert "give this card back" in (caught.value.hint or "")


def test_tiny_wrap_is_named() -> None:
    """A card smaller than the window it is probed with is found, and how small it is."""
    with pytest.raises(FlashError, match=r"holds only about 64.0 KiB"):
        probe_capacity(_wrapping(16 * MIB, 64 * KIB))


def test_large_card_has_its_window_capped() -> None:
    """A terabyte is probed with 64 MiB, at its very end."""
    card = TwistedMedium(1024**4, lambda offset: None)
    card.fault = _refusing("read", 0)
    with pytest.raises(FlashError):
        probe_capacity(card)
    assert (card.written[0].start, card.written[-1].end) == (1024**4 - 64 * MIB, 1024**4)


@pytest.mark.parametrize(
    ("end", "found"),
    [(4 * MIB, r"only about 4\.0 MiB"), (15 * MIB + 512 * KIB, r"less than 15\.5 MiB")],
)
def test_stuck_address_is_found(end: int, found: str) -> None:
    """A card that puts all that is beyond its end into its last sector is refused."""
    card = TwistedMedium(16 * MIB, lambda offset: min(offset, end))
    with pytest.raises(FlashError, match=f"holds {found}"):
        probe_capacity(card)


def test_damage_is_no_lie() -> None:
    """A card that loses a sector in the middle of the window is damaged, and not called a liar."""
    bad = 15 * MIB + 300 * KIB
    card = TwistedMedium(16 * MIB, lambda offset: None if offset == bad else offset)
    with pytest.raises(FlashError, match=f"does not keep what is written to it: byte {bad}"):
        probe_capacity(card)


def test_slip_is_forgiven() -> None:
    """A card that loses a write once, and keeps it the second time, passes."""
    times = iter([None])
    bad = 15 * MIB + 300 * KIB
    card = TwistedMedium(16 * MIB, lambda offset: next(times, offset) if offset == bad else offset)
    assert probe_capacity(card) == 16 * MIB


def test_nothing_but_the_window_is_written_on_an_honest_card() -> None:
    """What the probe leaves behind is in the last part of the card."""
    card = _wrapping(16 * MIB, 16 * MIB)
    probe_capacity(card)
    assert min(one.start for one in card.written) == 15 * MIB


def test_what_is_kept_stays() -> None:
    """Where the window would be in what must survive, nothing is done, and that is said."""
    card = _wrapping(16 * MIB, 8 * MIB)
    assert probe_capacity(card, kept=[Range(4 * MIB, 16 * MIB)]) is None
    assert not card.written


def test_no_search_beside_what_is_kept() -> None:
    """How much a card holds is not tried out where something must survive."""
    card = _dropping(16 * MIB, 2 * MIB)
    with pytest.raises(FlashError, match=r"holds only about 15.0 MiB"):
        probe_capacity(card, kept=[Range(4 * MIB, 8 * MIB)])
    assert min(one.start for one in card.written) == 15 * MIB


def test_too_small_to_probe() -> None:
    """What has no room for a window is what it claims."""
    assert probe_capacity(_wrapping(4096, 4096)) == 4096


@pytest.mark.parametrize("action", ["write", "read", "flush"])
def test_fault_names_the_place(action: str) -> None:
    """An error during the probe says what failed, and where."""
    card = _wrapping(16 * MIB, 16 * MIB)
    card.fault = _refusing(action, 0)
    with pytest.raises(FlashError, match=r"(probing|flushing) /dev/fake at byte \d+ .*error"):
        probe_capacity(card)


def test_errors_beyond_the_end_are_no_more_than_drops() -> None:
    """While the size of a liar is searched, a refused write means that nothing is held there."""
    card = _dropping(16 * MIB, 2 * MIB)

    def refuse(action: str, offset: int) -> None:
        if action == "write" and 3 * MIB <= offset < 15 * MIB:
            raise OSError(errno.EIO, "input/output error")

    card.fault = refuse
    with pytest.raises(FlashError, match=r"holds only about 2.0 MiB"):
        probe_capacity(card)


def test_card_pulled_during_the_search() -> None:
    """A card that is pulled while its size is searched is said to be gone."""
    card = _dropping(16 * MIB, 2 * MIB)

    def vanish(action: str, offset: int) -> None:
        if action == "write" and offset < 15 * MIB:
            raise MediumGoneError(errno.ENODEV, "the device is gone; was it pulled?")

    card.fault = vanish
    with pytest.raises(FlashError, match="the device is gone"):
        probe_capacity(card)


def test_progress_ends_at_its_total() -> None:
    """The progress never goes back and ends at what was announced."""
    events: list[Event] = []
    probe_capacity(_wrapping(10 * MIB + 512, 10 * MIB + 512), events.append)
    steps = [event for event in events if isinstance(event, Progressed)]
    done = [event.done_bytes for event in steps]
    assert done == sorted(done)
    assert done[-1] == steps[-1].total_bytes


def _refusing(which: str, beyond: int) -> Callable[[str, int], None]:
    def refuse(action: str, offset: int) -> None:
        if action == which and offset >= beyond:
            raise OSError(errno.EIO, "Input/output error")

    return refuse
