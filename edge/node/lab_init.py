# SPDX-License-Identifier: Apache-2.0
"""What PID 1 is on a board, for a lab node: keeps machined running until it powers off.

`kill -TERM` powers the node off, `kill -KILL` on the process group is a power cut.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from edge.node.boot.supervisor import Request, Supervisor

TICK_S = 5.0
_SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}


def main() -> None:
    """Run the lab node in the given folder until it is powered off."""
    parser = argparse.ArgumentParser(prog="lab-init")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    while run_once(folder) is Request.REBOOT:
        _say("rebooting")
    _say("powering off")


def run_once(folder: Path) -> Request:
    """Run the node from power-on to reboot or power-off."""
    supervisor = Supervisor(lambda: _start_machined(folder), time.monotonic)
    ending = False
    while supervisor.request is None and not (ending and supervisor.pid is None):
        if not ending:
            supervisor.tend()
        received = signal.sigtimedwait(_SIGNALS, supervisor.wait_s(TICK_S))
        if received and received.si_signo != signal.SIGCHLD:
            ending = True
            if supervisor.pid:
                os.kill(supervisor.pid, signal.SIGTERM)
        _reap(supervisor)
    return supervisor.request or Request.POWER_OFF


def _start_machined(folder: Path) -> int:
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "edge.node.machined", "--lab", str(folder)],
        dict(os.environ),
        setsigmask=[],
        setsigdef=_SIGNALS,
    )


def _reap(supervisor: Supervisor) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if crash := supervisor.ended(pid, os.waitstatus_to_exitcode(status)):
            _say(f"machined ended with {crash.code}, starting again in {crash.pause_s:.0f} s")


def _say(text: str) -> None:
    # Never to the kernel log, as on a board: that one is the host's.
    sys.stderr.write(f"edge: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
