# SPDX-License-Identifier: Apache-2.0
"""The tables of the card records and the steps from any older version to this one.

`PRAGMA user_version` counts the steps taken. A step, once released, is never edited.
"""

import sqlite3
from collections.abc import Iterator

_APPEND_ONLY = """
CREATE TRIGGER {table}_keeps_rows BEFORE DELETE ON {table}
    BEGIN SELECT raise(ABORT, 'card records are append-only'); END;
CREATE TRIGGER {table}_keeps_values BEFORE UPDATE ON {table}
    BEGIN SELECT raise(ABORT, 'card records are append-only'); END;
"""

_FIRST = (
    """
CREATE TABLE attempts (
    id              INTEGER PRIMARY KEY,
    started         TEXT NOT NULL,
    image_path      TEXT NOT NULL,
    image_sha256    TEXT NOT NULL,
    image_bytes     INTEGER NOT NULL,
    board           TEXT NOT NULL,
    version         TEXT NOT NULL,
    device_path     TEXT NOT NULL,
    device_model    TEXT NOT NULL,
    device_serial   TEXT NOT NULL,
    device_by_id    TEXT NOT NULL,
    device_bytes    INTEGER NOT NULL,
    fingerprint     TEXT,
    enrolment_id    TEXT,
    secret          BLOB
) STRICT;
CREATE UNIQUE INDEX attempts_by_fingerprint ON attempts (fingerprint);
CREATE UNIQUE INDEX attempts_by_enrolment ON attempts (enrolment_id);

CREATE TABLE outcomes (
    attempt         INTEGER PRIMARY KEY REFERENCES attempts (id),
    ended           TEXT NOT NULL,
    outcome         TEXT NOT NULL CHECK (outcome IN ('written', 'failed', 'stopped')),
    error           TEXT NOT NULL,
    written_bytes   INTEGER NOT NULL,
    seconds         REAL NOT NULL
) STRICT;
"""
    + _APPEND_ONLY.format(table="attempts")
    + _APPEND_ONLY.format(table="outcomes")
)

_SECOND = """
ALTER TABLE attempts ADD COLUMN device_port TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN card_cid TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN card_name TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN hostname TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN asset_tag TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN resumes INTEGER REFERENCES attempts (id);

ALTER TABLE outcomes ADD COLUMN verified_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN rewritten_ranges INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN write_bytes_per_second REAL NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN read_bytes_per_second REAL NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN probed_bytes INTEGER;
ALTER TABLE outcomes ADD COLUMN learnt_sha256 TEXT NOT NULL DEFAULT '';

-- A resumed attempt has the key and the enrolment of the one it continues.
DROP INDEX attempts_by_fingerprint;
DROP INDEX attempts_by_enrolment;
CREATE INDEX attempts_by_fingerprint ON attempts (fingerprint);
CREATE INDEX attempts_by_enrolment ON attempts (enrolment_id);

-- A reader's serial number is that of every card in it, so a tag or a name tells these apart.
CREATE VIEW history AS
SELECT
    attempts.*, ended, outcome, error, written_bytes, verified_bytes, rewritten_ranges, seconds,
    write_bytes_per_second, read_bytes_per_second, probed_bytes, learnt_sha256,
    CASE
        WHEN card_cid != '' THEN 'cid ' || card_cid
        WHEN device_serial != '' THEN
            trim('serial ' || device_serial || ' ' || device_model || ' ' || device_bytes)
            || CASE
                WHEN asset_tag != '' THEN ' tag ' || asset_tag
                WHEN card_name != '' THEN ' name ' || card_name
                ELSE ''
            END
        WHEN asset_tag != '' THEN 'tag ' || asset_tag
        WHEN enrolment_id IS NOT NULL THEN 'enrolment ' || enrolment_id
        WHEN fingerprint IS NOT NULL THEN 'fingerprint ' || fingerprint
        ELSE 'attempt ' || coalesce(resumes, id)
    END AS identity
FROM attempts LEFT JOIN outcomes ON attempt = id;

CREATE VIEW cards AS
SELECT
    history.*, sums.attempts, sums.written,
    failure.error AS last_error, failure.ended AS last_error_at
FROM (
    SELECT
        identity AS whose, max(id) AS last, count(*) AS attempts,
        count(CASE WHEN outcome = 'written' THEN 1 END) AS written,
        max(CASE WHEN error != '' THEN id END) AS failed
    FROM history GROUP BY identity
) AS sums
JOIN history ON history.id = sums.last
LEFT JOIN outcomes AS failure ON failure.attempt = sums.failed;
"""

STEPS = (_FIRST, _SECOND)


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the database up to date; return the version it had, which may be newer than ours."""
    version = _version(connection)
    if version >= len(STEPS):
        return version
    connection.commit()
    # Only whoever holds the lock may look how far it is: somebody else may be migrating it too.
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        version = _version(connection)
        for number, script in enumerate(STEPS[version:], start=version + 1):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
    return version


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
