# SPDX-License-Identifier: Apache-2.0
"""All that boards are known to print, one module for each program that prints it."""

from typing import Final

from edge.provision.console.pattern import Pattern, PatternSet
from edge.provision.console.table import (
    edge_node,
    grub,
    jetson,
    linux,
    pc,
    raspberry,
    rockchip,
    u_boot,
    uefi,
)

# Ours first: what our own programs say is never something else.
PATTERNS: Final[tuple[Pattern, ...]] = (
    *edge_node.PATTERNS,
    *raspberry.PATTERNS,
    *jetson.PATTERNS,
    *rockchip.PATTERNS,
    *u_boot.PATTERNS,
    *pc.PATTERNS,
    *uefi.PATTERNS,
    *grub.PATTERNS,
    *linux.PATTERNS,
)
LINES: Final = PatternSet(tuple(each for each in PATTERNS if not each.is_prompt))
PROMPTS: Final = PatternSet(tuple(each for each in PATTERNS if each.is_prompt))
