# SPDX-License-Identifier: Apache-2.0
"""What was written to which card, when, and how it ended; kept for good."""

from flasher.record.cards import CardRecords
from flasher.record.model import Attempt, Card, CurrentCard, Outcome
from flasher.record.place import card_records

__all__ = ["Attempt", "Card", "CardRecords", "CurrentCard", "Outcome", "card_records"]
