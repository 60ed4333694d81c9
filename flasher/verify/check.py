# SPDX-License-Identifier: Apache-2.0
"""What a check is, and what it can find: every check ends in one finding, whatever happens."""

import lzma
import struct
import subprocess
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from boards.section import Evidence
from edge.errors import EdgeError
from flasher.verify.subject import Subject


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """Nothing that is known to stop the board, but somebody should look."""
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    """This board or this image has nothing that the rule is about."""
    NOT_CHECKED = "not checked"
    """A program that this takes is not installed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one check found."""

    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A rule, where it comes from, and how it is checked."""

    name: str
    rule: str
    """What must hold, as a sentence."""
    evidence: Evidence
    """How it was learnt that this must hold."""
    run: Callable[[Subject], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check on one image."""

    check: str
    verdict: Verdict
    text: str
    rule: str
    evidence: Evidence


def ok(text: str) -> Outcome:
    """Say that the rule holds."""
    return Outcome(verdict=Verdict.OK, text=text)


def warning(text: str) -> Outcome:
    """Say that somebody should look."""
    return Outcome(verdict=Verdict.WARNING, text=text)


def failed(text: str) -> Outcome:
    """Say that the rule is broken."""
    return Outcome(verdict=Verdict.FAILED, text=text)


def not_applicable(text: str) -> Outcome:
    """Say that the rule is about nothing here, and why."""
    return Outcome(verdict=Verdict.NOT_APPLICABLE, text=text)


def not_checked(program: str) -> Outcome:
    """Say that a program is missing."""
    return Outcome(verdict=Verdict.NOT_CHECKED, text=f"{program} is not installed")


def judge(faults: Sequence[str], good: str) -> Outcome:
    """Return what `faults` amount to: all of them in one sentence, or `good` if there are none."""
    return failed("; ".join(faults)) if faults else ok(good)


_NONSENSE = (
    *(ValueError, TypeError, AttributeError, LookupError, EOFError, RecursionError),
    *(struct.error, zlib.error, lzma.LZMAError, subprocess.SubprocessError),
)
"""What readers raise on damaged or hostile contents."""


def run_check(check: Check, subject: Subject) -> Finding:
    """Run one check; what cannot be read because it is damaged is a failure, never a crash."""
    try:
        outcome = check.run(subject)
    except EdgeError as error:
        outcome = failed(error.message)
    except OSError as error:
        outcome = failed(f"cannot be read: {error.strerror or error}")
    except _NONSENSE as error:
        outcome = failed(f"cannot be made sense of: {error}")
    return Finding(
        check=check.name,
        verdict=outcome.verdict,
        text=outcome.text,
        rule=check.rule,
        evidence=check.evidence,
    )
