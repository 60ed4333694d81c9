# SPDX-License-Identifier: Apache-2.0
"""Progress as a stream of frozen event objects; the CLI, the TUI and JSON lines draw from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened during a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """A named step of a job began."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """A named step ended well after `seconds`; `detail` is its one-line result."""

    step: str
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Event):
    """A remark that belongs to the running step, such as a boot stage that passed."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(Event):
    """`done_bytes` of `total_bytes` of the running step are behind us."""

    step: str
    done_bytes: int
    total_bytes: int


Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""


class Step:
    """A running step; set `detail` before leaving it to have it reported."""

    def __init__(self) -> None:
        self.detail = ""


@contextmanager
def step(listener: Listener, name: str) -> Iterator[Step]:
    """Report the start and, unless an exception leaves the block, the end of a step."""
    running, started = Step(), monotonic()
    listener(StepStarted(step=name))
    yield running
    listener(StepFinished(step=name, seconds=monotonic() - started, detail=running.detail))
