# SPDX-License-Identifier: Apache-2.0
"""Every fault that cards have, on real disks: repaired, or the card is failed by name.

Beside each bad card a good one is written by the same run; it must not notice.
"""

import io
import lzma
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag

import pytest

from edge.errors import EdgeError, FlashError
from edge.events import Event, ignore
from flasher.plan import FlashOptions, prepare, read_image
from flasher.record import CardRecords, Outcome
from flasher.table import read_table
from flasher.write import FlashReport, flash_cards
from flasher.write.event import CardFinished
from tests.fakes.bad_card import Capacity, Fault
from tests.fakes.card_fs import Card, CardFs
from tests.fakes.image import MIB, make_image

IMAGE_BYTES = 24 * MIB
CARD_BYTES = 64 * MIB
DATA, HOLE, HEAD, TAIL = 9 * MIB + 12345, 6 * MIB + 600_000, 512, CARD_BYTES - 512
META = range(14 * MIB, 15 * MIB)
"""Key and enrolment, which differ from card to card."""
_PATIENCE_S = 60

Result = FlashReport | EdgeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A kind of bad card."""

    name: str
    faults: tuple[Fault, ...] = ()
    capacity: Capacity | None = None
    keeps_writes: bool = True
    fails: bool = True
    at: range | None = None
    """Where the error must say that it is, if it is known."""


def _fault(name: str, fault: Fault, *, fails: bool) -> Bad:
    at = range(fault.offset, fault.offset + 1) if fails else None
    return Bad(name=name, faults=(fault,), fails=fails, at=at)


def _operation(name: str, fault: Fault, *, fails: bool) -> Bad:
    """Expect an operation to fail, which is named by where it starts."""
    at = range(max(0, fault.offset - 4 * MIB), fault.offset + 1) if fails else None
    return Bad(name=name, faults=(fault,), fails=fails, at=at)


BAD = (
    *(
        Bad(
            name=f"{beyond} from {real // 4096} blocks on",
            capacity=Capacity(real_bytes=real, beyond=beyond),
        )
        for beyond in ("wraps", "zeros", "noise", "old")
        for real in (16 * MIB, 20 * MIB + 7 * 4096, 40 * MIB + 3 * 4096, CARD_BYTES - 4096)
    ),
    Bad(name="keeps nothing", keeps_writes=False),
    _fault("flips data once", Fault(kind="flip", offset=DATA), fails=False),
    _fault("flips data always", Fault(kind="flip", offset=DATA, times=None), fails=True),
    _fault("flips a hole once", Fault(kind="flip", offset=HOLE), fails=False),
    _fault("flips a hole always", Fault(kind="flip", offset=HOLE, times=None), fails=True),
    _fault("flips the head once", Fault(kind="flip", offset=HEAD), fails=False),
    _fault("flips the head always", Fault(kind="flip", offset=HEAD, times=None), fails=True),
    _fault("flips the tail once", Fault(kind="flip", offset=TAIL), fails=False),
    _fault("flips the tail always", Fault(kind="flip", offset=TAIL, times=None), fails=True),
    _fault("reads data wrong once", Fault(kind="flip", on="read", offset=DATA), fails=False),
    _fault("reads data wrong", Fault(kind="flip", on="read", offset=DATA, times=None), fails=True),
    _fault(
        "reads a hole wrong", Fault(kind="flip", on="read", offset=HOLE, times=None), fails=True
    ),
    Bad(name="drops data once", faults=(Fault(kind="drop", offset=DATA),), fails=False),
    _operation("drops data always", Fault(kind="drop", offset=DATA, times=None), fails=True),
    Bad(name="drops the head always", faults=(Fault(kind="drop", offset=HEAD, times=None),)),
    Bad(name="drops the tail always", faults=(Fault(kind="drop", offset=TAIL, times=None),)),
    _operation("refuses data once", Fault(kind="fail", offset=DATA), fails=False),
    _operation("refuses data always", Fault(kind="fail", offset=DATA, times=None), fails=True),
    _operation("refuses the head", Fault(kind="fail", offset=HEAD, times=None), fails=True),
    _operation("unreadable data once", Fault(kind="fail", on="read", offset=DATA), fails=False),
    _operation(
        "unreadable data", Fault(kind="fail", on="read", offset=DATA, times=None), fails=True
    ),
    _operation(
        "unreadable head", Fault(kind="fail", on="read", offset=HEAD, times=None), fails=True
    ),
    # Whichever request comes first after that is the one that is named.
    Bad(name="pulled while written", faults=(Fault(kind="vanish", offset=DATA),)),
    Bad(name="pulled while read", faults=(Fault(kind="vanish", on="read", offset=DATA),)),
)
UNPROBED = tuple(one for one in BAD if one.capacity)


@pytest.fixture(scope="module", params=["raw", "xz"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an image with data, holes, a META partition, and noise up to its end."""
    raw = make_image(tmp_path_factory.mktemp("image") / "node.img", size_mib=IMAGE_BYTES // MIB)
    noise = make_image(raw.with_name("noise.img"), seed=2).read_bytes()
    with raw.open("r+b") as file:
        file.seek(16 * MIB)
        file.write(noise[MIB : 8 * MIB])
    if request.param == "raw":
        return raw
    packed = raw.with_name("node.img.xz")
    packed.write_bytes(lzma.compress(raw.read_bytes(), preset=0))
    return packed


@pytest.fixture
def cards(tmp_path: Path) -> Iterator[CardFs]:
    with CardFs(tmp_path / "fs") as fs:
        yield fs


@pytest.fixture
def records(own_records: Path) -> CardRecords:
    return CardRecords(own_records)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_fault_is_repaired_or_named(
    bad: Bad, image: Path, cards: CardFs, records: CardRecords
) -> None:
    """The bad card is right in the end or plainly unusable, and the good one is finished."""
    _judge(bad, image, cards, records, FlashOptions())


@pytest.mark.parametrize("bad", UNPROBED, ids=lambda bad: bad.name)
def test_false_capacity_is_found_without_the_probe(
    bad: Bad, image: Path, cards: CardFs, records: CardRecords
) -> None:
    """Reading back alone finds out as well, also what a later write destroyed."""
    _judge(bad, image, cards, records, FlashOptions(probe=False))


@pytest.mark.parametrize("on", ["write", "read"])
def test_stalled_card_holds_up_nobody(
    on: str, image: Path, cards: CardFs, records: CardRecords
) -> None:
    """The good card is finished while the other is stuck, which then goes on as if nothing was."""
    bad, good = _insert(cards)
    stall = bad.arm(Fault(kind="stall", on=on, offset=DATA))  # type: ignore[arg-type]
    finished = Flag()

    def listen(event: Event) -> None:
        if isinstance(event, CardFinished) and event.card == str(good.device):
            finished.set()

    with ThreadPoolExecutor(1) as pool:
        running: Future[list[Result]] = pool.submit(
            _flash, image, [bad, good], records, FlashOptions(), listen
        )
        assert bad.hits(stall, wait_s=_PATIENCE_S) == 1
        assert finished.wait(_PATIENCE_S)
        bad.release(stall)
        results = running.result(timeout=_PATIENCE_S)
    assert all(isinstance(result, FlashReport) for result in results)
    wanted = _unpacked(image)
    _assert_written(bad, wanted)
    _assert_written(good, wanted)


def test_card_that_stalls_for_half_a_minute(
    image: Path, cards: CardFs, records: CardRecords
) -> None:
    """Honest cards do that when they tidy up; it is no failure."""
    bad, good = _insert(cards)
    bad.arm(Fault(kind="stall", offset=DATA, seconds=30))
    results = _flash(image, [bad, good], records)
    assert [type(result) for result in results] == [FlashReport, FlashReport]
    _assert_written(bad, _unpacked(image))


def _judge(
    bad: Bad, image: Path, cards: CardFs, records: CardRecords, options: FlashOptions
) -> None:
    card, good = _insert(cards)
    _spoil(card, bad)
    result, good_result = _flash(image, [card, good], records, options)
    wanted = _unpacked(image)
    assert isinstance(good_result, FlashReport), good_result
    _assert_written(good, wanted)
    if isinstance(result, FlashReport):
        _assert_written(card, wanted)
    else:
        _assert_failed_by_name(card, result, bad.at)
    assert isinstance(result, EdgeError) == bad.fails, result
    outcomes = {each.attempt.device_path: each.outcome for each in records.cards()}
    assert outcomes[card.device] is (Outcome.FAILED if bad.fails else Outcome.WRITTEN)


def _insert(cards: CardFs) -> tuple[Card, Card]:
    """Give a card to be spoilt and a good one, both full of old data."""
    return tuple(cards.insert(name, CARD_BYTES, fill=b"\xa5") for name in ("bad", "good"))  # type: ignore[return-value]


def _spoil(card: Card, bad: Bad) -> None:
    for fault in bad.faults:
        card.arm(fault)
    if bad.capacity:
        card.lie(bad.capacity)
    if not bad.keeps_writes:
        card.ignore_writes()


def _flash(
    image: Path,
    cards: list[Card],
    records: CardRecords,
    options: FlashOptions | None = None,
    listener: object = ignore,
) -> list[Result]:
    source = read_image(image)
    plans = [prepare(source, card.device, options or FlashOptions()) for card in cards]
    return flash_cards(plans, records=records, listener=listener)  # type: ignore[arg-type]


def _unpacked(image: Path) -> bytes:
    return lzma.decompress(image.read_bytes()) if image.suffix == ".xz" else image.read_bytes()


def _assert_written(card: Card, wanted: bytes) -> None:
    """Compare what the card kept, not what it says, with the image, byte for byte."""
    kept = card.kept.read_bytes()
    end = IMAGE_BYTES - 33 * 512  # there is the image's own copy of the table
    for part in (range(MIB, META.start), range(META.stop, end)):
        assert kept[part.start : part.stop] == wanted[part.start : part.stop], f"{card.name} {part}"
    assert not any(kept[end:IMAGE_BYTES])
    found, given = read_table(io.BytesIO(kept)), read_table(io.BytesIO(wanted))
    assert found is not None
    assert given is not None
    assert found.partitions == given.partitions
    assert found.size_bytes == CARD_BYTES
    assert kept[TAIL : TAIL + 8] == b"EFI PART"


def _assert_failed_by_name(card: Card, error: EdgeError, at: range | None) -> None:
    assert isinstance(error, FlashError)
    assert str(card.device) in error.message
    head = card.kept.read_bytes()[:MIB]
    assert head[510:512] != b"\x55\xaa", "the card has a partition table"
    assert head[512:520] != b"EFI PART", "the card has a partition table"
    if at is not None:
        found = re.search(r"byte (\d+)", error.message)
        assert found, error.message
        assert int(found[1]) in at, error.message
