# SPDX-License-Identifier: Apache-2.0
"""What a station tells while it works; a terminal, a log and JSON lines draw from it."""

from dataclasses import dataclass
from enum import StrEnum

from edge.events import Event
from flasher.station.item import Item


class Phase(StrEnum):
    """Where a slot is between plug-in and eject."""

    EMPTY = "empty"
    SETTLING = "settling"
    WAITING = "waiting"
    CHECKING = "checking"
    PROBING = "probing"
    WRITING = "writing"
    VERIFYING = "verifying"
    DONE = "done"
    FAILED = "failed"
    LEFT = "left alone"
    """There is a card, and it is not for this station to write."""

    @property
    def is_busy(self) -> bool:
        """Return whether the card must not be pulled now."""
        return self in (Phase.CHECKING, Phase.PROBING, Phase.WRITING, Phase.VERIFYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEvent(Event):
    """Something about the slot at `port`."""

    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMoved(SlotEvent):
    """A slot went to another phase."""

    phase: Phase
    device: str = ""
    card: str = ""
    """Model and size of what is in it."""
    item: Item | None = None
    text: str = ""
    """The reason, the result, or what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotProgressed(SlotEvent):
    """`done_bytes` of `total_bytes` of the slot's phase are behind its card."""

    phase: Phase
    done_bytes: int
    total_bytes: int
    bytes_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotNoted(SlotEvent):
    """A remark about the card in a slot."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardMade(SlotEvent):
    """A card is verified; it can be labelled."""

    item: Item
    record: int
    enrolment: str
    fingerprint: str
    image_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationNoted(Event):
    """A remark about the whole station."""

    text: str
