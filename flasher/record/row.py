# SPDX-License-Identifier: Apache-2.0
"""Attempts and outcomes as rows of the database, and back."""

from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Row
from typing import Any

from flasher.record.model import Attempt, Card, CurrentCard, Outcome


def to_row(attempt: Attempt) -> dict[str, object]:
    """Return the columns of `attempt`."""
    return {
        "started": to_text(attempt.started),
        "image_path": str(attempt.image_path),
        "image_sha256": attempt.image_sha256,
        "image_bytes": attempt.image_bytes,
        "board": attempt.board,
        "version": attempt.version,
        "device_path": str(attempt.device_path),
        "device_model": attempt.device_model,
        "device_serial": attempt.device_serial,
        "device_by_id": attempt.device_by_id,
        "device_port": attempt.device_port,
        "device_bytes": attempt.device_bytes,
        "card_cid": attempt.card_cid,
        "card_name": attempt.card_name,
        "hostname": attempt.hostname,
        "asset_tag": attempt.asset_tag,
        "resumes": attempt.resumes,
        "fingerprint": attempt.fingerprint,
        "enrolment_id": attempt.enrolment_id,
        "secret": attempt.secret,
    }


def to_card(row: Row) -> Card:
    """Return what a row of `history` says."""
    if row["outcome"] is None:
        return Card(
            id=row["id"],
            identity=row["identity"],
            attempt=_to_attempt(row),
            outcome=Outcome.UNFINISHED,
        )
    return Card(
        id=row["id"],
        identity=row["identity"],
        attempt=_to_attempt(row),
        outcome=Outcome(row["outcome"]),
        ended=_to_moment(row["ended"]),
        error=row["error"],
        written_bytes=row["written_bytes"],
        verified_bytes=row["verified_bytes"],
        rewritten_ranges=row["rewritten_ranges"],
        seconds=row["seconds"],
        write_bytes_per_second=row["write_bytes_per_second"],
        read_bytes_per_second=row["read_bytes_per_second"],
        probed_bytes=row["probed_bytes"],
        learnt_sha256=row["learnt_sha256"],
    )


def to_current(row: Row) -> CurrentCard:
    """Return what a row of `cards` says."""
    return CurrentCard(
        card=to_card(row),
        attempts=row["attempts"],
        written=row["written"],
        last_error=row["last_error"] or "",
        last_error_at=_to_moment(row["last_error_at"]),
    )


def to_text(moment: datetime) -> str:
    """Return a moment as it is stored: UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _to_moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _to_attempt(row: Row) -> Attempt:
    return Attempt(
        started=datetime.fromisoformat(row["started"]),
        image_path=Path(row["image_path"]),
        image_sha256=row["image_sha256"],
        image_bytes=row["image_bytes"],
        device_path=Path(row["device_path"]),
        device_bytes=row["device_bytes"],
        device_model=row["device_model"],
        device_serial=row["device_serial"],
        device_by_id=row["device_by_id"],
        device_port=row["device_port"],
        card_cid=row["card_cid"],
        board=row["board"],
        version=row["version"],
        card_name=row["card_name"],
        hostname=row["hostname"],
        asset_tag=row["asset_tag"],
        resumes=row["resumes"],
        fingerprint=row["fingerprint"],
        enrolment_id=row["enrolment_id"],
        secret=row["secret"],
    )
