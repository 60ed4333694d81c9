# SPDX-License-Identifier: Apache-2.0
"""The card records keep what they are told, for good and for their owner alone."""

import os
import sqlite3
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.errors import EdgeError
from flasher.record import Attempt, CardRecords, Outcome, card_records
from flasher.record.schema import STEPS

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def records(tmp_path: Path) -> CardRecords:
    return CardRecords(tmp_path / "deep/er/cards.sqlite")


def _attempt(mark: str = "a") -> Attempt:
    return Attempt(
        started=NOW,
        image_path=Path("/i.img"),
        image_sha256="00" * 32,
        image_bytes=1,
        device_path=Path("/dev/sdb"),
        device_bytes=2,
        device_model="Generic Reader",
        board="rpi4",
        version="0.1.0",
        fingerprint=f"{mark}=",
        enrolment_id=mark * 16,
        secret=b"s" * 32,
    )


def test_card_comes_back_as_it_went(records: CardRecords) -> None:
    """Begin, finish and find agree."""
    number = records.begin(_attempt())
    later = NOW + timedelta(seconds=9)
    records.finish(number, Outcome.WRITTEN, ended=later, written_bytes=7, seconds=9.0)
    (card,) = records.cards()
    assert card.attempt == _attempt()
    assert (card.outcome, card.ended, card.written_bytes) == (Outcome.WRITTEN, later, 7)
    assert records.find_by_fingerprint("a=") == card
    assert records.find_by_enrolment("a" * 16) == card
    assert records.find(number) == card


def test_unknown_card_is_none(records: CardRecords) -> None:
    """Looking in records that do not exist yet makes no file."""
    assert records.find_by_fingerprint("x") is None
    assert records.cards() == []
    assert not records.path.exists()


def test_killed_attempt_stays_unfinished(records: CardRecords) -> None:
    """An attempt without an outcome says so."""
    records.begin(_attempt())
    assert records.cards()[0].outcome is Outcome.UNFINISHED


def test_failed_attempts_are_kept_beside_later_ones(records: CardRecords) -> None:
    """A second try does not overwrite the error of the first."""
    first, second = records.begin(_attempt("a")), records.begin(_attempt("b"))
    records.finish(first, Outcome.FAILED, ended=NOW, error="pulled")
    records.finish(second, Outcome.WRITTEN, ended=NOW)
    assert [card.error for card in records.cards()] == ["pulled", ""]


def test_outcome_is_said_once(records: CardRecords) -> None:
    """History is not rewritten."""
    number = records.begin(_attempt())
    records.finish(number, Outcome.FAILED, ended=NOW)
    with pytest.raises(EdgeError):
        records.finish(number, Outcome.WRITTEN, ended=NOW)


@pytest.mark.parametrize("statement", ["DELETE FROM attempts", "UPDATE attempts SET board = 'x'"])
def test_rows_cannot_be_changed(records: CardRecords, statement: str) -> None:
    """The database itself refuses to forget."""
    records.begin(_attempt())
    connection = sqlite3.connect(records.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


def test_file_is_for_its_owner_alone(records: CardRecords) -> None:
    """It holds secrets."""
    records.begin(_attempt())
    assert stat.S_IMODE(records.path.stat().st_mode) == 0o600


def test_secret_is_not_in_a_repr(records: CardRecords) -> None:
    """Nothing that is logged or shown by accident contains the secret."""
    records.begin(_attempt())
    assert "ssss" not in repr(records.cards())


def test_newer_database_is_refused(records: CardRecords) -> None:
    """Records of a later edgectl are left alone."""
    records.begin(_attempt())
    connection = sqlite3.connect(records.path)
    connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    with pytest.raises(EdgeError, match="newer edgectl"):
        records.cards()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_records_of_root_belong_to_the_home_they_are_in(tmp_path: Path) -> None:
    """What sudo makes in a user's folder is that user's."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 1234, 1234)
    records = CardRecords(home / ".local/share/edgectl/cards.sqlite")
    records.begin(_attempt())
    assert {path.stat().st_uid for path in home.rglob("*")} == {1234}


def test_sudo_finds_the_callers_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`sudo edgectl flash` and `edgectl discover` look at the same file."""
    monkeypatch.delenv("EDGECTL_HOME", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "0")
    assert card_records().path == Path("/root/.local/share/edgectl/cards.sqlite")
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    assert card_records().path == tmp_path / "cards.sqlite"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permission")
@pytest.mark.parametrize("has_file", [False, True])
def test_records_that_may_not_be_opened_name_a_way_in(has_file: bool) -> None:
    """One that helps: a file that does not exist has no owner to change."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        Path(folder).chmod(0o755)
        records = CardRecords(Path(folder) / "cards.sqlite")
        if has_file:
            records.begin(_attempt())
        os.seteuid(65534)
        try:
            with pytest.raises(EdgeError, match="cannot open the card records") as caught:
                records.begin(_attempt())
        finally:
            os.seteuid(0)
    path = str(records.path)
    start = f"sudo chown $USER {path}" if has_file else f"{folder} is closed to you; EDGECTL_HOME"
    assert (caught.value.hint or "").startswith(start)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permission")
def test_records_in_a_closed_folder_cannot_be_listed() -> None:
    """That is no reason to say that there are none."""
    with tempfile.TemporaryDirectory() as folder:
        os.seteuid(65534)
        try:
            with pytest.raises(EdgeError, match="Permission denied") as caught:
                CardRecords(Path(folder) / "cards.sqlite").cards()
        finally:
            os.seteuid(0)
    assert (caught.value.hint or "").startswith(f"{folder} is closed to you")
