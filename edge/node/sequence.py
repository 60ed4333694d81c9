# SPDX-License-Identifier: Apache-2.0
"""Sequences: what the machine does in phases and tasks, told as upstream's events.

Clients that wait follow these events by their actor. Names are upstream's where the work is the
same; a phase here has one task.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge.node.event import EventBus


class Sequence:
    """One run of a sequence; it has begun once this exists."""

    def __init__(self, events: EventBus, name: str, actor: str = "") -> None:
        self.name, self.actor = name, actor
        self._events = events
        self._tell("SequenceEvent", sequence=name, action="START")

    def start(self, phase: str, task: str) -> None:
        """Tell that a task begins, and its phase with it."""
        self._tell("PhaseEvent", phase=phase, action="START")
        self._tell("TaskEvent", task=task, action="START")

    def stop(self, phase: str, task: str) -> None:
        """Tell that a task is over, and its phase with it."""
        self._tell("TaskEvent", task=task, action="STOP")
        self._tell("PhaseEvent", phase=phase, action="STOP")

    @contextmanager
    def task(self, phase: str, task: str) -> Iterator[None]:
        """Tell of the work done inside; if it fails the sequence ends with the reason."""
        self.start(phase, task)
        try:
            yield
        except Exception as error:
            self.end(str(error) or type(error).__name__)
            raise
        self.stop(phase, task)

    def end(self, error: str = "") -> None:
        """Tell that the sequence is over, and what went wrong if anything did."""
        reason = {"error": {"code": "FATAL", "message": error}} if error else {}
        self._tell("SequenceEvent", sequence=self.name, action="STOP", **reason)

    def _tell(self, event: str, **fields: Any) -> None:
        self._events.publish(event, fields, actor=self.actor)
