# SPDX-License-Identifier: Apache-2.0
"""Decides what may be written where, and every byte of it, before anything is touched."""

from flasher.plan.prepare import prepare, read_image
from flasher.plan.request import FlashOptions, FlashPlan, FlashRequest
from flasher.plan.rule import Refusal, refuse_device
from flasher.plan.safety import check_device, plan_flash

__all__ = [
    "FlashOptions",
    "FlashPlan",
    "FlashRequest",
    "Refusal",
    "check_device",
    "plan_flash",
    "prepare",
    "read_image",
    "refuse_device",
]
