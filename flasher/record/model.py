# SPDX-License-Identifier: Apache-2.0
"""What is remembered: attempts, how they ended, and what each physical card is now."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


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
    """Empty when it is only learnt while the image is streamed."""
    image_bytes: int
    device_path: Path
    device_bytes: int
    device_model: str = ""
    device_serial: str = ""
    """Of the disk; of the reader, when the card has one in between."""
    device_by_id: str = ""
    device_port: str = ""
    """The USB topology or slot that the card was in."""
    card_cid: str = ""
    """What the card says it is, 32 hex digits, where the host can ask it."""
    board: str = ""
    version: str = ""
    card_name: str = ""
    """What the list calls it."""
    hostname: str = ""
    asset_tag: str = ""
    resumes: int | None = None
    """The attempt that this one continues."""
    fingerprint: str | None = None
    enrolment_id: str | None = None
    secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One attempt and how it ended."""

    id: int
    attempt: Attempt
    outcome: Outcome
    identity: str = ""
    """What all attempts on the same physical card share."""
    ended: datetime | None = None
    error: str = ""
    written_bytes: int = 0
    verified_bytes: int = 0
    rewritten_ranges: int = 0
    seconds: float = 0.0
    write_bytes_per_second: float = 0.0
    read_bytes_per_second: float = 0.0
    probed_bytes: int | None = None
    """How much the card was found to hold, where that was measured."""
    learnt_sha256: str = ""

    @property
    def image_sha256(self) -> str:
        """Return the digest of the image, whenever it was learnt; empty when it never was."""
        return self.learnt_sha256 or self.attempt.image_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentCard:
    """A physical card as it is now, and the worst that is known of it."""

    card: Card
    """The last attempt."""
    attempts: int
    written: int
    """How many of the attempts ended well."""
    last_error: str = ""
    """Of the last attempt that failed, also when a later one did not."""
    last_error_at: datetime | None = None
