# SPDX-License-Identifier: Apache-2.0
"""Between the thread that reads a console and the screen that shows it.

The thread tells what happens, the screen takes it when it draws. A console that floods waits for
the screen, not the screen for it.
"""

import threading
from collections import deque
from pathlib import Path
from typing import Final

from edge.events import Event

MOST_WAITING: Final = 500
_LOOK_AGAIN_S: Final = 0.2


class Reading:
    """One console that is being read: what happened and was not shown yet, and what is wished."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self._change = threading.Condition()
        self._halted = False
        self._log_path: Path | None = None

    @property
    def log_path(self) -> Path | None:
        """Return where the thread shall write what comes, if anywhere."""
        with self._change:
            return self._log_path

    def record(self, path: Path | None) -> None:
        """Have what comes written to `path` from now on, or to nothing."""
        with self._change:
            self._log_path = path

    def is_halted(self) -> bool:
        """Say whether the thread shall end."""
        with self._change:
            return self._halted

    def halt(self) -> None:
        """Have the thread let go of the console and end."""
        with self._change:
            self._halted = True
            self._change.notify_all()

    def tell(self, event: Event) -> None:
        """Hand over what happened; waits while the screen is behind, unless it is gone."""
        with self._change:
            while len(self._waiting) >= MOST_WAITING and not self._halted:
                self._change.wait(_LOOK_AGAIN_S)
            self._waiting.append(event)

    def take(self) -> tuple[Event, ...]:
        """Return what happened since the last time."""
        with self._change:
            taken = tuple(self._waiting)
            self._waiting.clear()
            self._change.notify_all()
        return taken
