# SPDX-License-Identifier: Apache-2.0
"""The durable, append-only list of attempts to flash a card.

An attempt is noted before the first byte is destroyed and its outcome afterwards, so one that was
killed is one without an outcome. The enrolment secret is kept here because only whoever has it
can configure the card's node; hence the mode of the file.
"""

import errno
import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from edge.errors import EdgeError
from flasher.record.model import Attempt, Card, CurrentCard, Outcome
from flasher.record.row import to_card, to_current, to_row, to_text
from flasher.record.schema import STEPS, migrate

_BUSY_TIMEOUT_S = 30
_BEST_FIRST = "ORDER BY outcome IS 'written' DESC, id DESC"
_CALLED = """
WHERE id IN (
    SELECT max(id) FROM history
    WHERE fingerprint = ? OR ? COLLATE NOCASE IN
        (card_cid, device_serial, asset_tag, card_name, hostname, enrolment_id)
    GROUP BY identity
) ORDER BY id
"""


class CardRecords:
    """The records in one SQLite file, which is made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, attempt: Attempt) -> int:
        """Note that `attempt` starts and return its number."""
        return self._insert("attempts", to_row(attempt))

    def finish(
        self,
        number: int,
        outcome: Outcome,
        *,
        ended: datetime,
        error: str = "",
        written_bytes: int = 0,
        verified_bytes: int = 0,
        rewritten_ranges: int = 0,
        seconds: float = 0.0,
        write_bytes_per_second: float = 0.0,
        read_bytes_per_second: float = 0.0,
        probed_bytes: int | None = None,
        image_sha256: str = "",
    ) -> None:
        """Note how attempt `number` ended; that is said once."""
        row = {
            "attempt": number,
            "ended": to_text(ended),
            "outcome": str(outcome),
            "error": error,
            "written_bytes": written_bytes,
            "verified_bytes": verified_bytes,
            "rewritten_ranges": rewritten_ranges,
            "seconds": seconds,
            "write_bytes_per_second": write_bytes_per_second,
            "read_bytes_per_second": read_bytes_per_second,
            "probed_bytes": probed_bytes,
            "learnt_sha256": image_sha256,
        }
        self._insert("outcomes", row)

    def cards(self) -> list[Card]:
        """Return every attempt, oldest first."""
        return self._history("ORDER BY id")

    def current(self) -> list[CurrentCard]:
        """Return every physical card as it is now, by its last attempt, oldest first."""
        return [to_current(row) for row in self._select("SELECT * FROM cards ORDER BY id")]

    def history(self, identity: str) -> list[Card]:
        """Return every attempt on one physical card, oldest first."""
        return self._history("WHERE identity = ? ORDER BY id", identity)

    def find(self, number: int) -> Card | None:
        """Return attempt `number`, or None."""
        return _first(self._history("WHERE id = ?", number))

    def find_by_fingerprint(self, fingerprint: str) -> Card | None:
        """Return the attempt whose node key has `fingerprint` (base64), or None."""
        return _first(self._history(f"WHERE fingerprint = ? {_BEST_FIRST}", fingerprint))

    def find_by_enrolment(self, enrolment_id: str) -> Card | None:
        """Return the attempt with this enrolment, or None."""
        return _first(self._history(f"WHERE enrolment_id = ? {_BEST_FIRST}", enrolment_id))

    def find_like(self, text: str) -> list[Card]:
        """Return the last attempt on every card that is called `text` in any way, oldest first.

        That is its CID, serial number, asset tag, name, host name, enrolment or fingerprint.
        """
        return self._history(_CALLED, text, text)

    def _insert(self, table: str, values: dict[str, object]) -> int:
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
        with self._open() as connection:
            number = connection.execute(statement, values).lastrowid
        assert number is not None
        return number

    def _history(self, rest: str, *values: object) -> list[Card]:
        statement = f"SELECT * FROM history {rest}"  # noqa: S608 - our own text
        return [to_card(row) for row in self._select(statement, *values)]

    def _select(self, statement: str, *values: object) -> list[sqlite3.Row]:
        try:
            if not self.path.exists():
                return []
        except OSError as error:
            raise _unopened(self.path, error) from error
        with self._open() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        try:
            _make(self.path)
        except OSError as error:
            raise _unopened(self.path, error) from error
        connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S)
        try:
            self._prepare(connection)
            with connection:
                yield connection
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            hint = "another edgectl holds on to them; try again" if busy else None
            raise EdgeError(f"the card records {self.path}: {error}", hint=hint) from error
        except sqlite3.IntegrityError as error:
            raise EdgeError(f"the card records {self.path} refuse this: {error}") from error
        except sqlite3.DatabaseError as error:
            raise EdgeError(
                f"the card records {self.path} are damaged: {error}",
                hint=f"put a copy back, or begin new ones: mv {self.path} {self.path}.damaged",
            ) from error
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


def _unopened(path: Path, error: OSError) -> EdgeError:
    return EdgeError(
        f"cannot open the card records {path}: {error.strerror}", hint=_way_in(path, error)
    )


def _way_in(path: Path, error: OSError) -> str | None:
    if error.errno not in (errno.EACCES, errno.EROFS):
        return None
    there = next(each for each in (path, *path.parents) if os.access(each, os.F_OK))
    if there == path and error.errno == errno.EACCES:
        return f"sudo chown $USER {shlex.quote(str(path))}"
    # The folder may be anybody's, such as /var/lib: not to be given away by a hint.
    return f"{there} is closed to you; EDGECTL_HOME names another folder to keep them in"


def _first(cards: list[Card]) -> Card | None:
    return cards[0] if cards else None
