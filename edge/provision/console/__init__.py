# SPDX-License-Identifier: Apache-2.0
"""The serial console of a board: ports, boot stages, explanations, logs, and the node behind it.

port (device, socket://, rfc2217://) -> follow -> terminal (lines) -> detect (table/) -> events
"""

from edge.provision.console.adapter import Adapter, choose_adapter, list_adapters
from edge.provision.console.detect import StageDetector
from edge.provision.console.fact import Facts, FactsLearned
from edge.provision.console.follow import (
    Aim,
    ConsoleBack,
    ConsoleGarbled,
    ConsoleLost,
    ConsoleOutput,
    Transcript,
    follow,
    follow_async,
)
from edge.provision.console.port import DEFAULT_BAUD, Console, open_console
from edge.provision.console.stage import Stage, StagePassed
from edge.provision.console.timeline import Timeline

__all__ = [
    "DEFAULT_BAUD",
    "Adapter",
    "Aim",
    "Console",
    "ConsoleBack",
    "ConsoleGarbled",
    "ConsoleLost",
    "ConsoleOutput",
    "Facts",
    "FactsLearned",
    "Stage",
    "StageDetector",
    "StagePassed",
    "Timeline",
    "Transcript",
    "choose_adapter",
    "follow",
    "follow_async",
    "list_adapters",
    "open_console",
]
