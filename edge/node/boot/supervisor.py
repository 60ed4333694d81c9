# SPDX-License-Identifier: Apache-2.0
"""Keeping one child alive, with growing pauses, until it asks for a restart or power-off.

```
        start                exit 0..63 or a signal
 idle ─────────► running ───────────────────────────► waiting (1, 2, 4 … 30 s) ──► running
                    │ exit REBOOT / POWER_OFF
                    └────────────────────────────────► done
```
The child leaves with one of two exit codes when the machine shall restart or go off; anything
else is a crash. Standard library only: this runs as PID 1.
"""

from collections.abc import Callable
from enum import IntEnum

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
HEALTHY_AFTER_S = 60.0


class Request(IntEnum):
    """Exit codes by which the child asks its supervisor to end the machine."""

    REBOOT = 64
    POWER_OFF = 65


class Crashed:
    """The child ended on its own and comes back after `pause_s` seconds."""

    def __init__(self, code: int, pause_s: float) -> None:
        self.code = code
        self.pause_s = pause_s


class Supervisor:
    """One child process: started by `start`, restarted when due, watched by exit codes.

    `start` returns the process id. `now` is monotonic seconds.
    """

    def __init__(self, start: Callable[[], int], now: Callable[[], float]) -> None:
        self._start = start
        self._now = now
        self._pause_s = FIRST_PAUSE_S
        self._started = 0.0
        self._due: float | None = now()
        self.pid: int | None = None
        self.request: Request | None = None

    def tend(self) -> None:
        """Start the child if it is due; one that cannot be started is tried again later."""
        if self._due is None or self._now() < self._due:
            return
        self._due = None
        self._started = self._now()
        try:
            self.pid = self._start()
        except OSError:
            self._put_off()

    def wait_s(self, longest: float) -> float:
        """Return how long the caller may wait before `tend` has work, at most `longest`."""
        if self._due is None:
            return longest
        return min(longest, max(0.0, self._due - self._now()))

    def ended(self, pid: int, code: int) -> Crashed | None:
        """Take note that process `pid` ended with `code`; say if it was the child crashing."""
        if pid != self.pid:
            return None
        self.pid = None
        if code in list(Request):
            self.request = Request(code)
            return None
        if self._now() - self._started >= HEALTHY_AFTER_S:
            self._pause_s = FIRST_PAUSE_S
        return Crashed(code, self._put_off())

    def _put_off(self) -> float:
        pause_s = self._pause_s
        self._due = self._now() + pause_s
        self._pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        return pause_s
