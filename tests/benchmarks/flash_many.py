# SPDX-License-Identifier: Apache-2.0
"""Several cards at once: how they disturb each other, and how much memory they take."""

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from edge.units import MIB
from tests.benchmarks.flash_card import READ_BPS, SLOW_BPS, WRITE_BPS, BenchCard, loop_cards
from tests.benchmarks.flash_image import BenchImage
from tests.benchmarks.flash_peer import Run, entering, environment, find_difference, ours

_LONGEST_S = 1800
_SAMPLE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What became of several cards that one command wrote."""

    seconds: list[float]
    """When each card was done, counted from the start of the process."""
    peak_bytes: int
    """At most so much memory was taken by the process and its children together."""
    problem: str = ""


def flash_batch(image: BenchImage, form: str, cards: list[BenchCard]) -> Batch:
    """Write all `cards` by one command and watch when each is done."""
    command = entering(cards[0].group, ours(*cards, image=image.file(form)))
    pipe = subprocess.PIPE
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as home:
        surroundings = environment(Path(home))
        started = time.monotonic()
        done: dict[str, float] = {}
        with (
            tempfile.TemporaryFile("w+") as said,
            subprocess.Popen(
                command, stdout=pipe, stderr=said, text=True, env=surroundings
            ) as tool,
            _Watch(tool.pid) as watch,
        ):
            assert tool.stdout is not None
            for line in tool.stdout:
                event = json.loads(line)
                if event.get("event") == "CardFinished":
                    done[event["card"]] = time.monotonic() - started
            tool.wait(_LONGEST_S)
            said.seek(0)
            words = said.read().strip().splitlines() or [""]
    wrong = [str(card.device) for card in cards if find_difference(image, card) is not None]
    problem = f"wrong data on {' '.join(wrong)}" if wrong else ""
    problem = words[-1][:200] if tool.returncode else problem
    seconds = [done.get(str(card.device), float("nan")) for card in cards]
    return Batch(seconds=seconds, peak_bytes=watch.peak_bytes, problem=problem)


def measure_alone(image: BenchImage, form: str) -> Run:
    """Return when one throttled card was done that is written alone."""
    with loop_cards(image.size_bytes, [(WRITE_BPS, READ_BPS)]) as cards:
        batch = flash_batch(image, form, cards)
    return Run(seconds=batch.seconds[0], is_right=not batch.problem, remark=batch.problem)


def measure_seven(image: BenchImage, form: str) -> Run:
    """Return when the last of seven cards was done that were written beside a slow one."""
    rates = [(WRITE_BPS, READ_BPS)] * 7
    with loop_cards(image.size_bytes, [(SLOW_BPS, READ_BPS), *rates]) as cards:
        batch = flash_batch(image, form, cards)
    remark = batch.problem or f"the slow one took {batch.seconds[0]:.1f} s"
    return Run(seconds=max(batch.seconds[1:]), is_right=not batch.problem, remark=remark)


def measure_memory(image: BenchImage, form: str) -> Run:
    """Return, in place of seconds, the peak memory in MiB of writing eight cards."""
    rates = [(WRITE_BPS, READ_BPS)] * 7
    with loop_cards(image.size_bytes, [(SLOW_BPS, READ_BPS), *rates]) as cards:
        batch = flash_batch(image, form, cards)
    peak = batch.peak_bytes / MIB
    return Run(seconds=peak, is_right=not batch.problem, remark=batch.problem)


class _Watch:
    """Adds up the peaks of a process and its children, which is at least their common peak."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peaks, self._end = pid, dict[int, int](), Event()
        self._thread = Thread(target=self._look, name="memory")

    @property
    def peak_bytes(self) -> int:
        return sum(self._peaks.values())

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(_SAMPLE_S):
            for pid in _family(self._pid):
                if peak := _peak_bytes(pid):
                    self._peaks[pid] = peak


def _family(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        words = " ".join((thread / "children").read_text() for thread in threads)
    except OSError:
        return [pid]
    return [pid, *(each for child in words.split() for each in _family(int(child)))]


def _peak_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else 0
