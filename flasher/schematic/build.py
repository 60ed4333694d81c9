# SPDX-License-Identifier: Apache-2.0
"""From a schematic to an image that is checked before anybody sees it."""

from pathlib import Path

from boards.catalog import load_profile
from edge.errors import ImageError
from edge.events import Listener, Noted, ignore, step
from flasher.image.build import build_image
from flasher.image.report import BuildReport
from flasher.schematic.model import Schematic
from flasher.schematic.wish import to_wishes
from flasher.verify import Verdict, verify_image


def build_schematic(
    schematic: Schematic, output: Path, *, listener: Listener = ignore, refresh: bool = False
) -> BuildReport:
    """Build the image that a schematic describes, and check it; it appears when both are done.

    Raises:
        ToolError, ImageError, BoardError, ConfigError: as `build_image` and `to_wishes` do.
        ImageError: when the image would not boot, with every check that says so.
    """
    board, wishes = to_wishes(schematic)
    profile = load_profile(board)

    def check(image: Path) -> None:
        with step(listener, "verify image") as running:
            report = verify_image(image, profile)
            running.detail = f"{len(report.findings)} checks"
        for each in (*report.of(Verdict.WARNING), *report.of(Verdict.NOT_CHECKED)):
            listener(Noted(text=f"{each.check}: {each.text}"))
        if failures := report.failures:
            told = "; ".join(f"{each.check}: {each.text}" for each in failures)
            raise ImageError(
                f"an image for {board} would not boot: {told}",
                hint="docs/verify.md says what a check means",
            )

    return build_image(
        profile, output, wishes=wishes, listener=listener, refresh=refresh, check=check
    )
