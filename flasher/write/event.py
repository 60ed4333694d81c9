# SPDX-License-Identifier: Apache-2.0
"""What is told about one card while several are written at once."""

from dataclasses import dataclass
from enum import StrEnum

from edge.events import Event


class Phase(StrEnum):
    """What is being done to a card."""

    PROBE = "probe"
    WRITE = "write"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardEvent(Event):
    """Something about the card at the path `card`."""

    card: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardProgressed(CardEvent):
    """`done_bytes` of `total_bytes` of a phase are behind this card."""

    phase: Phase
    done_bytes: int
    total_bytes: int
    bytes_per_second: float
    """Since the phase began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardNoted(CardEvent):
    """A remark about this card: a range written again, a stall, a detachment."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFinished(CardEvent):
    """This card is written, read back and bootable."""

    seconds: float
    written_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFailed(CardEvent):
    """This card is not usable; `error` says why and `hint` what to do."""

    error: str
    hint: str = ""
