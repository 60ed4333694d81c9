# SPDX-License-Identifier: Apache-2.0
"""The tables of the card records and the steps from any older version to this one.

`PRAGMA user_version` counts the steps taken. A step, once released, is never edited.
"""

import sqlite3

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

STEPS = (_FIRST,)


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the database up to date; return the version it had, which may be newer than ours."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(STEPS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{script}PRAGMA user_version = {number};COMMIT;")
    return version
