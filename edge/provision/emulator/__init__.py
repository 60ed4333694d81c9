# SPDX-License-Identifier: Apache-2.0
"""A virtual board: QEMU booting the very disk that the flasher wrote.

choice (which emulator, is it there) -> card, firmware, device tree -> command line -> board

What is known of a machine is data in the board's profile (`emulators`). Software emulation is
always used: KVM may be present on a virtual host and still be unusable.
"""

from edge.provision.emulator.board import VirtualBoard
from edge.provision.emulator.choice import check_emulator, choose_emulator

__all__ = ["VirtualBoard", "check_emulator", "choose_emulator"]
