# SPDX-License-Identifier: Apache-2.0
"""The durable, append-only list of attempts to flash a card.

An attempt is noted before the first byte is destroyed and its outcome afterwards, so one that was
killed is one without an outcome. The enrolment secret is kept here because only whoever has it
can configure the card's node; hence the mode of the file.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from edge.errors import EdgeError
from flasher.record.schema import STEPS, migrate

_BUSY_TIMEOUT_S = 10
_SELECT = """
SELECT attempts.*, ended, outcome, error, written_bytes, seconds
FROM attempts LEFT JOIN outcomes ON attempt = id
"""


class Outcome(StrEnum):
    """How an attempt ended."""

    WRITTEN = "written"
    FAILED = "failed"
    STOPPED = "stopped"
    UNFINISHED = "unfinished"
    """Still running, or killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is known before the first byte is written."""

    started: datetime
    image_path: Path
    image_sha256: str
    image_bytes: int
    device_path: Path
    device_bytes: int
    device_model: str = ""
    device_serial: str = ""
    device_by_id: str = ""
    board: str = ""
    version: str = ""
    fingerprint: str | None = None
    enrolment_id: str | None = None
    secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One attempt and how it ended."""

    id: int
    attempt: Attempt
    outcome: Outcome
    ended: datetime | None = None
    error: str = ""
    written_bytes: int = 0
    seconds: float = 0.0


class CardRecords:
    """The records in one SQLite file, which is made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, attempt: Attempt) -> int:
        """Note that `attempt` starts and return its number."""
        values = _to_row(attempt)
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        statement = f"INSERT INTO attempts ({names}) VALUES ({marks})"  # noqa: S608 - our own names
        with self._open() as connection:
            number = connection.execute(statement, values).lastrowid
        assert number is not None
        return number

    def finish(
        self,
        number: int,
        outcome: Outcome,
        *,
        ended: datetime,
        error: str = "",
        written_bytes: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Note how attempt `number` ended; that is said once."""
        row = (number, _to_text(ended), str(outcome), error, written_bytes, seconds)
        with self._open() as connection:
            connection.execute("INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", row)

    def cards(self) -> list[Card]:
        """Return every attempt, oldest first."""
        return self._select("")

    def find(self, number: int) -> Card | None:
        """Return attempt `number`, or None."""
        return _first(self._select("WHERE id = ?", number))

    def find_by_fingerprint(self, fingerprint: str) -> Card | None:
        """Return the attempt whose node key has `fingerprint` (base64), or None."""
        return _first(self._select("WHERE fingerprint = ?", fingerprint))

    def find_by_enrolment(self, enrolment_id: str) -> Card | None:
        """Return the attempt with this enrolment, or None."""
        return _first(self._select("WHERE enrolment_id = ?", enrolment_id))

    def _select(self, where: str, *values: object) -> list[Card]:
        if not self.path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(f"{_SELECT} {where} ORDER BY id", values).fetchall()
        return [_to_card(row) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        try:
            _make(self.path)
            connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S)
        except (OSError, sqlite3.Error) as error:
            raise EdgeError(f"cannot open the card records {self.path}: {error}") from error
        try:
            self._prepare(connection)
            with connection:
                yield connection
        except sqlite3.Error as error:
            raise EdgeError(f"the card records {self.path}: {error}") from error
        finally:
            connection.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        if migrate(connection) > len(STEPS):
            raise EdgeError(
                f"the card records {self.path} were made by a newer edgectl",
                hint="update edgectl",
            )


def _make(path: Path) -> None:
    """Create the file for its owner alone; what root makes in a user's home is that user's."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if missing and os.geteuid() == 0:
        owner = missing[-1].parent.stat()
        for made in missing:
            os.chown(made, owner.st_uid, owner.st_gid)


def _first(cards: list[Card]) -> Card | None:
    return cards[0] if cards else None


def _to_row(attempt: Attempt) -> dict[str, object]:
    return {
        "started": _to_text(attempt.started),
        "image_path": str(attempt.image_path),
        "image_sha256": attempt.image_sha256,
        "image_bytes": attempt.image_bytes,
        "board": attempt.board,
        "version": attempt.version,
        "device_path": str(attempt.device_path),
        "device_model": attempt.device_model,
        "device_serial": attempt.device_serial,
        "device_by_id": attempt.device_by_id,
        "device_bytes": attempt.device_bytes,
        "fingerprint": attempt.fingerprint,
        "enrolment_id": attempt.enrolment_id,
        "secret": attempt.secret,
    }


def _to_card(row: sqlite3.Row) -> Card:
    attempt = Attempt(
        started=datetime.fromisoformat(row["started"]),
        image_path=Path(row["image_path"]),
        image_sha256=row["image_sha256"],
        image_bytes=row["image_bytes"],
        device_path=Path(row["device_path"]),
        device_bytes=row["device_bytes"],
        device_model=row["device_model"],
        device_serial=row["device_serial"],
        device_by_id=row["device_by_id"],
        board=row["board"],
        version=row["version"],
        fingerprint=row["fingerprint"],
        enrolment_id=row["enrolment_id"],
        secret=row["secret"],
    )
    if row["outcome"] is None:
        return Card(id=row["id"], attempt=attempt, outcome=Outcome.UNFINISHED)
    return Card(
        id=row["id"],
        attempt=attempt,
        outcome=Outcome(row["outcome"]),
        ended=datetime.fromisoformat(row["ended"]),
        error=row["error"],
        written_bytes=row["written_bytes"],
        seconds=row["seconds"],
    )


def _to_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
