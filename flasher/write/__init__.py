# SPDX-License-Identifier: Apache-2.0
"""Writes images to cards: plans safely, writes, reads back, and records."""

from flasher.write.flash import flash, flash_cards, rehearse
from flasher.write.prepare import prepare, read_image
from flasher.write.request import FlashOptions, FlashPlan, FlashRequest
from flasher.write.rule import Refusal, refuse_device
from flasher.write.safety import check_device, plan_flash
from flasher.write.task import FlashReport

__all__ = [
    "FlashOptions",
    "FlashPlan",
    "FlashReport",
    "FlashRequest",
    "Refusal",
    "check_device",
    "flash",
    "flash_cards",
    "plan_flash",
    "prepare",
    "read_image",
    "refuse_device",
    "rehearse",
]
