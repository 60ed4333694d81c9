# SPDX-License-Identifier: Apache-2.0
"""The station's durable book: which item went to which card, and what became of it.

Append-only. An item is out from before its card is destroyed until its outcome is noted; what a
killed station had out is settled from the card records when the next one opens the book.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from edge.errors import EdgeError
from flasher.record import Card, Outcome
from flasher.station.item import Item, Order
from flasher.station.mark import Mark

_VERSION = 1
_SCHEMA = """
CREATE TABLE takings (
    id          INTEGER PRIMARY KEY,
    item        INTEGER NOT NULL,
    name        TEXT NOT NULL,
    taken       TEXT NOT NULL,
    port        TEXT NOT NULL,
    device      TEXT NOT NULL
) STRICT;
CREATE TABLE results (
    taking      INTEGER PRIMARY KEY REFERENCES takings (id),
    ended       TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('done', 'failed', 'stopped')),
    error       TEXT NOT NULL,
    record      INTEGER,
    enrolment   TEXT NOT NULL,
    cid         TEXT NOT NULL,
    serial      TEXT NOT NULL,
    head        TEXT NOT NULL
) STRICT;
"""
_SELECT = """
SELECT takings.*, ended, state, error, record, enrolment, cid, serial, head
FROM takings LEFT JOIN results ON taking = id
"""


class State(StrEnum):
    """What became of an item."""

    PENDING = "pending"
    OUT = "out"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """An item that went to a card."""

    id: int
    item: Item
    port: str
    device: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one item stands; of several tries the last, and the last error whatever came later."""

    number: int
    name: str
    state: State
    tries: int = 0
    port: str = ""
    ended: str = ""
    record: int | None = None
    enrolment: str = ""
    error: str = ""


class Records(Protocol):
    """The card records, as far as they are needed here."""

    def cards(self) -> Sequence[Card]:
        """Return every attempt, oldest first."""
        ...


class Ledger:
    """The book of one order. Use it from one thread, inside `opened`."""

    def __init__(self, connection: sqlite3.Connection, order: Order) -> None:
        self.order = order
        self._connection = connection
        self._out: dict[int, Taking] = {}
        self._done: set[int] = set()
        for row in self._rows("ORDER BY id"):  # what was done may have been made again since
            (self._done.add if row["state"] == "done" else self._done.discard)(row["item"])

    @property
    def is_complete(self) -> bool:
        """Return whether everything that was ordered is done."""
        return self.order.count is not None and len(self._done) >= self.order.count

    @property
    def done_count(self) -> int:
        """Return how many items are done."""
        return len(self._done)

    def next_item(self) -> Item | None:
        """Return the first item that is neither done nor out; None when there is none."""
        out = {taking.item.number for taking in self._out.values()}
        number = 1
        while number in self._done or number in out:
            number += 1
        return self.order.item(number)

    def take(self, item: Item, *, port: str, device: Path, now: datetime) -> Taking:
        """Note that `item` goes to the card in `port`, before that card is changed.

        An item that was done is no longer: its card is made again.
        """
        row = (item.number, item.name, _to_text(now), port, str(device))
        with self._connection:
            number = self._connection.execute(
                "INSERT INTO takings (item, name, taken, port, device) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
        assert number is not None
        taking = Taking(id=number, item=item, port=port, device=device)
        self._out[number] = taking
        self._done.discard(item.number)
        return taking

    def give_back(self, taking: Taking, error: str, *, stopped: bool, now: datetime) -> None:
        """Note why `taking` came to nothing; its item is the next one again."""
        state = State.STOPPED if stopped else State.FAILED
        self._end(taking, state, error=error, now=now)

    def finish(self, taking: Taking, mark: Mark, record: int | None, *, now: datetime) -> None:
        """Note that the card is verified, and by what it can be known."""
        self._end(taking, State.DONE, mark=mark, record=record, now=now)
        self._done.add(taking.item.number)

    def recognise(self, mark: Mark) -> Item | None:
        """Return the item that a card was made as, when it is one of those done here."""
        for row in self._rows("WHERE state = 'done' ORDER BY id DESC"):
            made = Mark(
                enrolment=row["enrolment"], cid=row["cid"], serial=row["serial"], head=row["head"]
            )
            if mark.is_of(made):
                return self.order.item(row["item"])
        return None

    def standings(self) -> list[Standing]:
        """Return how every item stands that is in the list or was ever out."""
        tried: dict[int, list[sqlite3.Row]] = {}
        for row in self._rows("ORDER BY id"):
            tried.setdefault(row["item"], []).append(row)
        numbers = range(1, self.order.count + 1) if self.order.count else sorted(tried)
        return [self._standing(number, tried.get(number, [])) for number in numbers]

    def settle(self, records: Records, now: datetime) -> None:
        """Find out what became of the items that a killed station had out."""
        written = [card for card in records.cards() if card.outcome is Outcome.WRITTEN]
        for row in self._rows("WHERE ended IS NULL"):
            taking = self._from_row(row)
            since = datetime.fromisoformat(row["taken"])
            card = next((card for card in written if _is_made_from(card, taking, since)), None)
            if card is None:
                self.give_back(taking, "the station was killed", stopped=True, now=now)
            else:
                mark = Mark(enrolment=card.attempt.enrolment_id or "")
                self.finish(taking, mark, card.id, now=now)

    def _end(
        self,
        taking: Taking,
        state: State,
        *,
        now: datetime,
        error: str = "",
        mark: Mark | None = None,
        record: int | None = None,
    ) -> None:
        known = mark or Mark()
        row = (taking.id, _to_text(now), str(state), error, record)
        marks = (known.enrolment, known.cid, known.serial, known.head)
        with self._connection:
            self._connection.execute(
                "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row + marks
            )
        self._out.pop(taking.id, None)

    def _standing(self, number: int, rows: list[sqlite3.Row]) -> Standing:
        item = self.order.item(number)
        name = rows[-1]["name"] if rows else item.name if item else ""
        if not rows:
            return Standing(number=number, name=name, state=State.PENDING)
        last = rows[-1]
        errors = [row["error"] for row in rows if row["error"]]
        return Standing(
            number=number,
            name=name,
            state=State(last["state"] or "out"),
            tries=len(rows),
            port=last["port"],
            ended=last["ended"] or "",
            record=last["record"],
            enrolment=last["enrolment"] or "",
            error=errors[-1] if errors else "",
        )

    def _from_row(self, row: sqlite3.Row) -> Taking:
        item = self.order.item(row["item"])
        assert item is not None, "the digest of an order names its count"
        return Taking(id=row["id"], item=item, port=row["port"], device=Path(row["device"]))

    def _rows(self, where: str) -> list[sqlite3.Row]:
        return self._connection.execute(f"{_SELECT} {where}").fetchall()


@contextmanager
def opened(folder: Path, order: Order, records: Records, now: datetime) -> Iterator[Ledger]:
    """Open the book of `order` in `folder` for this station alone, all settled.

    A book of like cards that is full is put aside and a new one begun: the same order given
    again means as many again. A list is made once.

    Raises:
        EdgeError: when another station works on the same order, or the file is damaged.
    """
    path = folder / f"{order.digest}.sqlite"
    _make_folder(folder)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(lock, path)
        with _open_book(path, order, records, now) as ledger:
            if order.is_list or not ledger.is_complete:
                yield ledger
                return
        path.rename(folder / f"{order.digest}-{now:%Y%m%dT%H%M%S}.sqlite")
        with _open_book(path, order, records, now) as ledger:
            yield ledger
    finally:
        os.close(lock)


@contextmanager
def _open_book(path: Path, order: Order, records: Records, now: datetime) -> Iterator[Ledger]:
    try:
        connection = sqlite3.connect(path)
    except sqlite3.Error as error:
        raise EdgeError(f"cannot open the station's book {path}: {error}") from error
    try:
        _prepare(connection, path)
        ledger = Ledger(connection, order)
        ledger.settle(records, now)
        yield ledger
    except sqlite3.Error as error:
        raise EdgeError(f"the station's book {path}: {error}") from error
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
    elif version != _VERSION:
        raise EdgeError(
            f"the station's book {path} was made by a newer edgectl", hint="update edgectl"
        )


def _is_made_from(card: Card, taking: Taking, since: datetime) -> bool:
    attempt = card.attempt
    return (
        attempt.device_path == taking.device
        and attempt.card_name == taking.item.spec.name
        and attempt.started >= since.replace(microsecond=0)  # as exact as records are
    )


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise EdgeError(
            f"another station is making the cards of {path.name}",
            hint="stop that one first, or give it the ports of this one as well",
        ) from error


def _make_folder(folder: Path) -> None:
    """Create the folder; what root makes in a user's home is that user's."""
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if missing and os.geteuid() == 0:
            owner = missing[-1].parent.stat()
            for made in missing:
                os.chown(made, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise EdgeError(f"cannot keep the station's book in {folder}: {error.strerror}") from error


def _to_text(moment: datetime) -> str:
    return moment.isoformat()
