# SPDX-License-Identifier: Apache-2.0
"""Measurements of flashing, kept as lines of JSON, and the tables made of them."""

import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.flash_peer import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What was measured."""

    part: str
    scale: str
    tool: str
    model: str
    form: str = "raw"


class Results:
    """All runs so far, in memory and, if there is a file, in that."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._runs: dict[Key, list[Run]] = {}
        if file is not None and file.exists():
            for line in file.read_text().splitlines():
                row = json.loads(line)
                self._runs.setdefault(Key(**row["key"]), []).append(Run(**row["run"]))

    def repeat(self, key: Key, times: int, work: Callable[[], Run], unit: str = "s") -> None:
        """Do `work` until there are `times` runs of `key`, which are in `unit`."""
        while len(self.runs(key)) < times:
            run = work()
            self._keep(key, run)
            said = "" if run.is_right else f"  FAILED: {run.remark}"
            words = (key.part, key.scale, key.model, key.form, key.tool)
            print(f"  {' '.join(words)}: {run.seconds:.2f} {unit}{said}", file=sys.stderr)

    def runs(self, key: Key) -> list[Run]:
        """Return the runs of `key`."""
        return self._runs.get(key, [])

    def median(self, key: Key) -> float | None:
        """Return the median of the seconds of `key`, None if it was not measured."""
        seconds = [run.seconds for run in self.runs(key)]
        return statistics.median(seconds) if seconds else None

    def problem(self, key: Key) -> str:
        """Return what went wrong in a run of `key`, or nothing."""
        return next((run.remark for run in self.runs(key) if not run.is_right), "")

    def _keep(self, key: Key, run: Run) -> None:
        self._runs.setdefault(key, []).append(run)
        if self._file is not None:
            with self._file.open("a") as file:
                file.write(json.dumps({"key": asdict(key), "run": asdict(run)}) + "\n")


def show_table(head: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def cell(results: Results, key: Key, ideal_s: float) -> str:
    """Return seconds and how often the ideal that is, and what was wrong with it."""
    seconds = results.median(key)
    if seconds is None:
        return "-"
    text = f"{seconds:.1f} s, {seconds / ideal_s:.2f}"
    return f"{text} ({problem})" if (problem := results.problem(key)) else text
