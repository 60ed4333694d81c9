# SPDX-License-Identifier: Apache-2.0
"""Image builds of every board of tier A and B from a warm cache, and how long verifying takes.

    python3 dev.py bench build [--board rpi4]...

A board that had to wait for downloads is built again, and that is what counts.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from boards.catalog import all_profiles
from boards.profile import Profile
from edge.events import Event, StepFinished
from flasher.image.build import build_image
from flasher.verify import verify_image
from tests.benchmarks.report import Figure, show

BUILD_LIMIT_S, VERIFY_LIMIT_S = 60.0, 10.0
WARM_S = 3.0
_FETCHING = {"fetch packages", "fetch Python packages", "prepare root"}


def main() -> None:
    """Build and verify each board and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--board", action="append", help="only this board; repeatable")
    wanted = parser.parse_args().board
    profiles = [
        each
        for each in all_profiles()
        if each.tier in {"A", "B"} and (not wanted or each.name in wanted)
    ]
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as folder:
        figures = [figure for profile in profiles for figure in _measure(profile, Path(folder))]
    show(figures)


def _measure(profile: Profile, folder: Path) -> list[Figure]:
    image = folder / "board.img"
    fetched: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, StepFinished) and event.step in _FETCHING:
            fetched.append(event.seconds)

    build_s = _seconds(lambda: build_image(profile, image, listener=note))
    if sum(fetched) > WARM_S:
        build_s = _seconds(lambda: build_image(profile, image))
    verify_s = _seconds(lambda: verify_image(image, profile))
    image.unlink()
    return [
        Figure(
            what=f"{profile.name}: {what}",
            ours=seconds,
            other=limit,
            other_name="the goal",
            unit="s",
        )
        for what, seconds, limit in (
            ("build from a warm cache", build_s, BUILD_LIMIT_S),
            ("verify", verify_s, VERIFY_LIMIT_S),
        )
    ]


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
