# SPDX-License-Identifier: Apache-2.0
"""The records of one card over time: attempts add up, nothing is overwritten or lost."""

import errno
import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.errors import EdgeError
from flasher.record import Attempt, CardRecords, Outcome
from flasher.record.schema import STEPS

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
GOLDEN = Path(__file__).parents[3] / "golden/record/v1.sql"
ATTEMPT = Attempt(
    started=NOW,
    image_path=Path("/i.img"),
    image_sha256="",
    image_bytes=1,
    device_path=Path("/dev/mmcblk0"),
    device_bytes=32 << 30,
    device_model="SC32G",
    card_cid="0353445343333247",
    asset_tag="A-17",
    card_name="n1",
    hostname="n1.example",
    fingerprint="f=",
    enrolment_id="e" * 16,
)


@pytest.fixture
def records(tmp_path: Path) -> CardRecords:
    return CardRecords(tmp_path / "cards.sqlite")


def _fail(records: CardRecords, attempt: Attempt, error: str) -> int:
    number = records.begin(attempt)
    records.finish(number, Outcome.FAILED, ended=NOW, error=error)
    return number


def _write(records: CardRecords, attempt: Attempt) -> int:
    number = records.begin(attempt)
    records.finish(number, Outcome.WRITTEN, ended=NOW)
    return number


def test_everything_about_an_attempt_comes_back(records: CardRecords) -> None:
    """Also what is only known at its end."""
    number = records.begin(replace(ATTEMPT, device_port="1-4.2", device_serial="7"))
    records.finish(
        number,
        Outcome.WRITTEN,
        ended=NOW + timedelta(seconds=9),
        written_bytes=7,
        verified_bytes=6,
        rewritten_ranges=1,
        seconds=9.0,
        write_bytes_per_second=2.5,
        read_bytes_per_second=90.0,
        probed_bytes=31 << 30,
        image_sha256="ab" * 32,
    )
    (card,) = records.cards()
    assert card.attempt == replace(ATTEMPT, device_port="1-4.2", device_serial="7")
    assert (card.written_bytes, card.verified_bytes, card.rewritten_ranges) == (7, 6, 1)
    assert (card.write_bytes_per_second, card.read_bytes_per_second) == (2.5, 90.0)
    assert (card.probed_bytes, card.image_sha256) == (31 << 30, "ab" * 32)


def test_last_error_outlives_a_success(records: CardRecords) -> None:
    """A card that failed once is worth knowing about, however well it went later."""
    _fail(records, ATTEMPT, "first")
    _fail(records, ATTEMPT, "second")
    last = _write(records, replace(ATTEMPT, enrolment_id="d" * 16, fingerprint="g="))
    (current,) = records.current()
    assert (current.card.id, current.card.outcome) == (last, Outcome.WRITTEN)
    assert (current.attempts, current.written, current.last_error) == (3, 1, "second")
    assert current.last_error_at == NOW
    assert [card.error for card in records.history(current.card.identity)] == [
        "first",
        "second",
        "",
    ]


@pytest.mark.parametrize(
    ("first", "second", "cards"),
    [
        ({}, {"card_cid": "other"}, 2),
        ({}, {"device_serial": "x", "asset_tag": "B-1", "card_name": ""}, 1),
        ({"card_cid": "", "device_serial": "r"}, {"card_cid": "", "device_serial": "r"}, 1),
        (
            {"card_cid": "", "device_serial": "r"},
            {"card_cid": "", "device_serial": "r", "asset_tag": "A-18"},
            2,
        ),
        (
            {"card_cid": "", "device_serial": "r", "asset_tag": ""},
            {"card_cid": "", "device_serial": "r", "asset_tag": "", "card_name": "n2"},
            2,
        ),
        (
            {"card_cid": "", "asset_tag": ""},
            {"card_cid": "", "asset_tag": "", "enrolment_id": "d" * 16},
            2,
        ),
    ],
    ids=["cid", "cid-before-serial", "serial", "tag-in-one-reader", "name-in-one-reader", "none"],
)
def test_attempts_on_one_card_are_told_from_others(
    records: CardRecords, first: dict[str, str], second: dict[str, str], cards: int
) -> None:
    """CID, else serial number with tag or name, else enrolment."""
    _fail(records, replace(ATTEMPT, **first), "x")  # type: ignore[arg-type] # texts alone
    _write(records, replace(ATTEMPT, **second))  # type: ignore[arg-type] # texts alone
    assert len(records.current()) == cards


def test_resumed_attempt_keeps_key_and_enrolment(records: CardRecords) -> None:
    """The node is found by either, and what was written counts more than what failed later."""
    first = _fail(records, ATTEMPT, "pulled")
    second = _write(records, replace(ATTEMPT, resumes=first))
    _fail(records, replace(ATTEMPT, resumes=second), "again")
    for found in (records.find_by_fingerprint("f="), records.find_by_enrolment("e" * 16)):
        assert found is not None
        assert (found.id, found.attempt.resumes) == (second, first)


@pytest.mark.parametrize(
    "name", ["0353445343333247", "a-17", "N1", "n1.example", "e" * 16, "f=", "SERIAL"]
)
def test_card_is_found_by_any_of_its_names(records: CardRecords, name: str) -> None:
    """Whatever stands on the label or came out of another tool, but only once a card."""
    _fail(records, replace(ATTEMPT, device_serial="serial"), "x")
    last = _write(records, replace(ATTEMPT, device_serial="serial"))
    assert [card.id for card in records.find_like(name)] == [last]
    assert records.find_like("F=") == []


def test_killed_attempt_shows_in_the_current_view(records: CardRecords) -> None:
    """A card that nobody finished is not one that was written."""
    _write(records, ATTEMPT)
    records.begin(ATTEMPT)
    (current,) = records.current()
    assert current.card.outcome is Outcome.UNFINISHED
    assert (current.attempts, current.written) == (2, 1)


def test_records_of_the_first_version_are_carried_over(tmp_path: Path) -> None:
    """Every attempt, with its error, and the secrets that the nodes are configured with."""
    path = tmp_path / "cards.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(GOLDEN.read_text())
    connection.close()
    records = CardRecords(path)
    cards = records.cards()
    assert [card.outcome for card in cards] == ["failed", "written", "unfinished"]
    assert cards[0].error == "/dev/sdb: input/output error at byte 4096"
    assert cards[1].attempt.secret == b"b" * 32
    assert cards[1].image_sha256 == "ab" * 32
    assert [each.attempts for each in records.current()] == [3]
    _write(records, replace(ATTEMPT, enrolment_id="a" * 16))
    assert len(records.cards()) == 4
    assert _version(path) == len(STEPS)


def test_many_threads_record_at_once(records: CardRecords) -> None:
    """A station has as many writers as slots."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: _write(records, _numbered(at)), range(40)))
    assert len(records.current()) == 40


def test_processes_may_migrate_at_once(tmp_path: Path) -> None:
    """Two commands that meet an old file at the same moment both come through."""
    path = tmp_path / "cards.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(GOLDEN.read_text())
    connection.close()
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(_record, [path] * 6)
    assert len(CardRecords(path).cards()) == 9


def test_broken_file_is_named_with_a_way_out(records: CardRecords) -> None:
    """One line that says which file, and one that says what to type."""
    records.path.write_bytes(b"not a database" * 100)
    with pytest.raises(EdgeError, match="are damaged") as caught:
        records.cards()
    assert str(records.path) in caught.value.message
    assert caught.value.hint is not None
    assert f"mv {records.path}" in caught.value.hint


def test_records_that_are_held_are_waited_for(
    records: CardRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a while; then it is said why."""
    _write(records, ATTEMPT)
    monkeypatch.setattr("flasher.record.cards._BUSY_TIMEOUT_S", 0.05)
    holder = sqlite3.connect(records.path)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(EdgeError, match="locked") as caught:
        records.begin(ATTEMPT)
    holder.close()
    assert "try again" in str(caught.value.hint)


def test_records_of_somebody_else_are_named_with_a_way_in(
    records: CardRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as those that an older version made as root."""
    _write(records, ATTEMPT)

    def refuse(*_arguments: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(EdgeError, match="Permission denied") as caught:
        records.cards()
    assert caught.value.hint == f"sudo chown $USER {records.path}"


def _numbered(number: int) -> Attempt:
    return replace(ATTEMPT, card_cid=f"{number:032x}")


def _record(path: Path) -> None:
    CardRecords(path).begin(ATTEMPT)


def _version(path: Path) -> int:
    connection = sqlite3.connect(path)
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return version
