# SPDX-License-Identifier: Apache-2.0
"""Image builds: sizes against the limit, a second build against the first.

    python3 dev.py bench image [--board qemu-arm64]

The first build starts with an empty cache and so includes all downloads.
"""

import argparse
import tempfile
import time
from pathlib import Path

from boards.catalog import load_profile
from flasher.image.build import build_image
from tests.benchmarks.report import Figure, show

LIMIT_MB = 80.0


def main() -> None:
    """Build twice and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--board", default="qemu-arm64")
    profile = load_profile(parser.parse_args().board)
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as name:
        folder = Path(name)
        seconds = []
        for number in range(2):
            started = time.monotonic()
            report = build_image(profile, folder / f"{number}.img", cache=folder / "cache")
            seconds.append(time.monotonic() - started)
    slot_mb = report.slot_bytes / 1e6
    show(
        [
            Figure(
                what=f"{profile.name}: boot assets of one slot",
                ours=slot_mb,
                other=LIMIT_MB,
                other_name="the goal",
                unit="MB",
            ),
            Figure(
                what=f"{profile.name}: second build, downloads cached",
                ours=seconds[1],
                other=seconds[0],
                other_name="first build, empty cache",
                unit="s",
            ),
        ]
    )


if __name__ == "__main__":
    main()
