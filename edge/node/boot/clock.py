# SPDX-License-Identifier: Apache-2.0
"""A clock that never stands before the image was built, so that certificates can be checked."""

import contextlib
import time


def raise_clock(floor: float) -> bool:
    """Set the system clock to `floor` (Unix seconds) if it is behind; say whether it was."""
    if time.time() >= floor:
        return False
    with contextlib.suppress(PermissionError):
        time.clock_settime(time.CLOCK_REALTIME, floor)
    return True
