# SPDX-License-Identifier: Apache-2.0
"""Writes images to cards: plans safely, writes, reads back, and records."""

from flasher.write.flash import FlashReport, flash, prepare
from flasher.write.safety import (
    FlashOptions,
    FlashPlan,
    FlashRequest,
    Refusal,
    check_device,
    plan_flash,
    refuse_device,
)

__all__ = [
    "FlashOptions",
    "FlashPlan",
    "FlashReport",
    "FlashRequest",
    "Refusal",
    "check_device",
    "flash",
    "plan_flash",
    "prepare",
    "refuse_device",
]
