# SPDX-License-Identifier: Apache-2.0
"""Writes images to cards: many from one read, read back, resumed, recorded."""

from flasher.write.flash import flash, flash_cards, rehearse
from flasher.write.task import FlashReport

__all__ = ["FlashReport", "flash", "flash_cards", "rehearse"]
