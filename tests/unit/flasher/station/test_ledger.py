# SPDX-License-Identifier: Apache-2.0
"""The book of what a station makes, across restarts, kills and second stations."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge.errors import EdgeError
from flasher.card.spec import CardSpec
from flasher.station.item import order_alike, order_list
from flasher.station.ledger import Ledger, State, Taking, opened
from flasher.station.mark import Mark
from flasher.station.port import Sighting
from flasher.station.station import Job
from tests.fakes.station import (
    GIB,
    START,
    FakeCard,
    FakeCrew,
    FakePorts,
    NoRecords,
    cams,
    fake_image,
)


def take(ledger: Ledger, port: str = "p1") -> Taking:
    """Hand the next item out."""
    item = ledger.next_item()
    assert item is not None
    return ledger.take(item, port=port, device=Path("/dev/sdb"), now=START)


def test_a_restarted_station_goes_on(tmp_path: Path) -> None:
    """What is done stays done, and what failed is the next."""
    with opened(tmp_path, cams(3), NoRecords(), START) as ledger:
        done, failed = take(ledger), take(ledger)
        ledger.finish(done, Mark(enrolment="e1"), 7, now=START)
        ledger.give_back(failed, "bad", stopped=False, now=START)
    with opened(tmp_path, cams(3), NoRecords(), START) as ledger:
        following = ledger.next_item()
        assert following is not None
        assert (ledger.done_count, following.name) == (1, "cam-02")
        states = [(one.name, one.state, one.record) for one in ledger.standings()]
    assert states == [
        ("cam-01", State.DONE, 7),
        ("cam-02", State.FAILED, None),
        ("cam-03", State.PENDING, None),
    ]


def test_what_a_killed_station_had_out_is_settled(tmp_path: Path) -> None:
    """A card that was recorded as written is done; of others nothing is assumed."""
    crew = FakeCrew(FakePorts())
    with opened(tmp_path, cams(3), NoRecords(), START) as ledger:
        take(ledger), take(ledger)
    _record(crew, "cam-01")
    with opened(tmp_path, cams(3), crew, START) as ledger:
        states = [one.state for one in ledger.standings()]
        assert states == [State.DONE, State.STOPPED, State.PENDING]
        assert ledger.recognise(Mark(enrolment=f"{1:016x}")) == ledger.order.item(1)


@pytest.mark.parametrize("change", ["earlier", "elsewhere", "other"])
def test_other_records_settle_nothing(tmp_path: Path, change: str) -> None:
    """A card written before, in another port, or under another name is another card."""
    crew = FakeCrew(FakePorts())
    with opened(tmp_path, cams(1), NoRecords(), START) as ledger:
        take(ledger)
    _record(crew, "cam-01")
    (card,) = crew.records
    changed = {
        "earlier": replace(card.attempt, started=START - timedelta(seconds=2)),
        "elsewhere": replace(card.attempt, device_path=Path("/dev/sdc")),
        "other": replace(card.attempt, card_name="cam-09"),
    }[change]
    crew.records[:] = [replace(card, attempt=changed)]
    with opened(tmp_path, cams(1), crew, START) as ledger:
        assert ledger.done_count == 0


def test_two_stations_do_not_make_the_same_cards(tmp_path: Path) -> None:
    """The second is told what to do instead."""
    with (
        opened(tmp_path, cams(2), NoRecords(), START),
        pytest.raises(EdgeError, match="another station is making") as caught,
        opened(tmp_path, cams(2), NoRecords(), START),
    ):
        pass
    assert caught.value.hint


def test_like_cards_are_ordered_anew(tmp_path: Path) -> None:
    """The same number again means as many again; a list is made once."""
    alike, listed = order_alike(fake_image(), 1), cams(1)
    for order, left in ((alike, True), (listed, False)):
        with opened(tmp_path, order, NoRecords(), START) as ledger:
            ledger.finish(take(ledger), Mark(), 1, now=START)
            assert ledger.is_complete
        with opened(tmp_path, order, NoRecords(), START) as ledger:
            assert (ledger.next_item() is not None) is left
    assert len(list(tmp_path.glob(f"{alike.digest}*.sqlite"))) == 2


def test_as_many_as_are_put_in(tmp_path: Path) -> None:
    """Such an order is never complete, and counts what it made."""
    with opened(tmp_path, order_alike(fake_image(), None), NoRecords(), START) as ledger:
        for number in range(1, 4):
            taking = take(ledger)
            assert taking.item.name == f"card {number}"
            ledger.finish(taking, Mark(), number, now=START)
        assert not ledger.is_complete
        assert [one.state for one in ledger.standings()] == [State.DONE] * 3


def test_an_order_is_known_by_image_and_list() -> None:
    """Another image, another card, or another configuration is another order."""
    image, specs = fake_image(), [CardSpec(name="a"), CardSpec(name="b")]
    orders = [
        order_list(image, specs),
        order_list(replace(image, sha256="cd" * 32), specs),
        order_list(replace(image, sha256=""), specs),
        order_list(image, specs[:1]),
        order_list(image, [specs[0], replace(specs[1], configuration=b"x")]),
        order_list(image, [specs[0], replace(specs[1], files={"x": b"y"})]),
        order_alike(image, 2),
        order_alike(image, None),
    ]
    assert len({order.digest for order in orders}) == len(orders)
    assert order_list(image, list(specs)).digest == orders[0].digest


def test_a_book_of_a_newer_edgectl_is_left_alone(tmp_path: Path) -> None:
    """It says what to do."""
    path = tmp_path / f"{cams(1).digest}.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with (
        pytest.raises(EdgeError, match="newer edgectl"),
        opened(tmp_path, cams(1), NoRecords(), START),
    ):
        pass


def test_a_damaged_book_is_one_line(tmp_path: Path) -> None:
    """The file is named."""
    path = tmp_path / f"{cams(1).digest}.sqlite"
    path.write_bytes(b"no database" * 1000)
    with (
        pytest.raises(EdgeError, match=path.name),
        opened(tmp_path, cams(1), NoRecords(), START),
    ):
        pass


def _record(crew: FakeCrew, name: str) -> None:
    """Have the card records say that the item `name` was written to /dev/sdb."""
    item = next(item for number in (1, 2) if (item := cams(2).item(number)) and item.name == name)
    path = Path("/dev/sdb")
    job = Job(Sighting(port="p1", name="sdb", path=path, size_bytes=GIB))
    crew.flashes[job] = (FakeCard(1), item)
    crew.succeed(job)
