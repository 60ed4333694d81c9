# SPDX-License-Identifier: Apache-2.0
"""A board's PID 1 around a stand-in for machined, for a process namespace of its own.

`pid1.py SCRIPT` runs the Python program SCRIPT where a board runs machined. Everything else, from
reaping to the system call that ends the machine, is the board's; in a process namespace that
call ends only the namespace.
"""

import os
import signal
import sys
import time
from pathlib import Path

from edge.node import init
from edge.node.boot import syscall
from edge.node.boot.console import KERNEL_LOG, say
from edge.node.boot.supervisor import Supervisor
from edge.node.boot.watchdog import WatchdogKeeper

MS_BIND = 4096
SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}


def start() -> int:
    """Start the stand-in."""
    pid = os.fork()
    if pid == 0:
        init.become(lambda: exec(Path(sys.argv[1]).read_text(), {"__name__": "__main__"}))
    return pid


def unmount() -> None:
    """Say that it is time: the disks here are the host's."""
    say("unmounted")


if __name__ == "__main__":
    assert os.getpid() == 1
    # The host's kernel log is not for this; an ordinary file in its place sends lines to stderr.
    syscall.mount("console", KERNEL_LOG, "", MS_BIND)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    syscall.hand_over_ctrl_alt_delete()
    watchdog = WatchdogKeeper(Path("/nonexistent"))
    request = init.supervise(Supervisor(start, time.monotonic), watchdog)
    init.finish(request, watchdog, grace_s=1.0, unmount=unmount)
