# SPDX-License-Identifier: Apache-2.0
"""Lines on the console through the kernel log, so that nothing is lost before a reader comes.

The words after `edge: ` are what the operator's stage detector looks for.
"""

import contextlib
import sys
from pathlib import Path

KERNEL_LOG = Path("/dev/kmsg")


def say(text: str) -> None:
    """Write one line, prefixed with `edge: `, to the kernel log or else to stderr.

    A console that cannot be written to is no reason to stop: PID 1 may not.
    """
    with contextlib.suppress(OSError):
        if KERNEL_LOG.is_char_device():
            # <5> is facility kernel, level notice: shown on the console at its default level.
            KERNEL_LOG.write_text(f"<5>edge: {text}\n")
            return
    with contextlib.suppress(OSError, AttributeError):  # there is no stderr without a console
        sys.stderr.write(f"edge: {text}\n")
        sys.stderr.flush()
