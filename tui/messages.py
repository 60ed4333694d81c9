# SPDX-License-Identifier: Apache-2.0
"""What workers post and more than one screen may hear."""

from dataclasses import dataclass

from textual.message import Message

from tui.model import Failure
from tui.services import Report, Sighting


@dataclass
class Heard(Message):
    """The network spoke of a node."""

    sighting: Sighting


@dataclass
class Listening(Message):
    """Who is listened to: names of links, or why nobody is."""

    links: tuple[str, ...]
    fault: str = ""


@dataclass
class Answered(Message):
    """A node said how it is."""

    key: str
    report: Report

    def can_replace(self, message: Message) -> bool:
        """Let a later answer of the same node stand for an earlier one."""
        return isinstance(message, Answered) and message.key == self.key


@dataclass
class Failed(Message):
    """A node could not be asked."""

    key: str
    failure: Failure

    def can_replace(self, message: Message) -> bool:
        """Let a later failure of the same node stand for an earlier one."""
        return isinstance(message, Failed) and message.key == self.key


@dataclass
class LogNames(Message):
    """These logs a node has."""

    names: tuple[str, ...]


@dataclass
class LogLines(Message):
    """Lines of a log that is followed."""

    log: str
    lines: tuple[str, ...]


@dataclass
class LogStarted(Message):
    """A log is followed from its last lines on: what was shown of it is void."""

    log: str


@dataclass
class LogBroke(Message):
    """A log cannot be followed any more, for now."""

    log: str
    reason: str
