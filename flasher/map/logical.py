# SPDX-License-Identifier: Apache-2.0
"""What is free in the logical partitions of an extended one, which is a chain of records."""

from collections.abc import Generator

from flasher.map.filesystem import survey_partition
from flasher.map.mapping import edges_of
from flasher.map.survey import Survey, Surveyor, UnsureError
from flasher.ranges import Range, subtract
from flasher.table import SECTOR

_ENTRIES_AT, _ENTRY_BYTES = 446, 16
_SIGNATURE_AT, _SIGNATURE = 510, b"\x55\xaa"


def survey_logical(size_bytes: int) -> Survey:
    """Find what is free in the logical partitions inside `size_bytes`.

    Raises:
        UnsureError: when they are in no order or leave their container.
    """
    free: list[Range] = []
    record, behind = 0, 0
    while True:
        raw = yield Range(record, record + SECTOR)
        here, following = _entry(raw, 0, base=record), _entry(raw, 1, base=0)
        if here is not None:
            if here.start < record + SECTOR or here.end > size_bytes:
                raise UnsureError("a logical partition leaves its place")
            free += yield from _survey_inside(here)
            behind = here.end
        if following is None:
            return tuple(free)
        record = following.start
        if record < max(behind, SECTOR):
            raise UnsureError("its logical partitions are in no order")


def _entry(raw: bytes, index: int, *, base: int) -> Range | None:
    """Return where an entry of a record points to, if it is used."""
    if raw[_SIGNATURE_AT:] != _SIGNATURE:
        raise UnsureError("a record of a logical partition is missing")
    entry = raw[_ENTRIES_AT + index * _ENTRY_BYTES :][:_ENTRY_BYTES]
    first, sectors = (int.from_bytes(entry[at : at + 4], "little") for at in (8, 12))
    start = base + first * SECTOR
    return Range(start, start + sectors * SECTOR) if entry[4] else None


def _survey_inside(place: Range) -> Generator[Range, bytes, tuple[Range, ...]]:
    """Survey the partition at `place`, whose doubts are its own."""
    surveyor = Surveyor(survey_partition(place.size_bytes), place.size_bytes)
    while (want := surveyor.want) is not None:
        raw = yield Range(place.start + want.start, place.start + want.end)
        surveyor.give(want.start, memoryview(raw))
    free = (Range(place.start + one.start, place.start + one.end) for one in surveyor.free)
    return subtract(free, edges_of(place))
