# SPDX-License-Identifier: Apache-2.0
"""RK3588: the vendor's DDR start-up, before U-Boot's SPL. It prints at 1500000 baud."""

from typing import Final

from edge.provision.console.pattern import Pattern, Repeat
from edge.provision.console.stage import Stage

PATTERNS: Final = (
    Pattern(Stage.FIRMWARE, r"^DDR (V\d+\.\d+|[0-9a-f]{10}) ", Repeat.STARTS),
    Pattern(Stage.FIRMWARE, r"^U-Boot TPL ", Repeat.STARTS),
)
