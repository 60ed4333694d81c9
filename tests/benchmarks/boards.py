# SPDX-License-Identifier: Apache-2.0
"""How long all board profiles take to load, in fresh processes, against the limit.

    python3 dev.py bench boards [--runs 15]

Loading is reading, inheriting and checking every shipped profile. Times are those of the processor,
so that other work beside them counts little; each is the median of all runs. What it costs to
import pydantic and YAML and to build the models is told apart: it is paid once by a command,
whatever the number of boards, and not part of the goal.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

from tests.benchmarks.report import Figure, show

LIMIT_MS = 50.0

_CODE = """
import time
started = time.process_time()
import json, pydantic, yaml
libraries = time.process_time()
import boards.catalog
models = time.process_time()
count = len(boards.catalog.all_profiles())
loaded = time.process_time()
boards.catalog.load_profile("{board}")
print(count, libraries - started, models - libraries, loaded - models)
"""
_ONE = """
import boards.catalog, time
started = time.process_time()
boards.catalog.load_profile("{board}")
print(1, 0, 0, time.process_time() - started)
"""


def main() -> None:
    """Measure and report medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--board", default="rpi4", help="the board that is loaded alone")
    options = parser.parse_args()
    whole = [_measure(_CODE.format(board=options.board)) for _ in range(options.runs)]
    alone = [_measure(_ONE.format(board=options.board)) for _ in range(options.runs)]
    count = int(whole[0][0])
    show(
        [
            _figure(f"all {count} profiles", [run[3] for run in whole]),
            _figure(f"{options.board} alone", [run[3] for run in alone]),
            _figure("building the models", [run[2] for run in whole]),
            _figure("importing pydantic and YAML", [run[1] for run in whole]),
        ]
    )


def _figure(what: str, seconds: list[float]) -> Figure:
    median_ms = statistics.median(seconds) * 1000
    return Figure(what=what, ours=median_ms, other=LIMIT_MS, other_name="the goal", unit="ms")


def _measure(code: str) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as home:
        environment = {**os.environ, "EDGECTL_HOME": home, "EDGECTL_BOARDS": ""}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
    return [float(word) for word in done.stdout.split()]


if __name__ == "__main__":
    main()
