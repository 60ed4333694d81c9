# SPDX-License-Identifier: Apache-2.0
"""`edgectl image verify`: what can be proved about an image without the hardware."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.output import emit, output_option

if TYPE_CHECKING:
    from flasher.verify import Finding, Report

_COLUMNS = ("check", "verdict", "evidence", "found")


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--board", help="The board to check for, if not the one that the image names.")
@output_option("table", "json", "yaml")
def verify(image: Path, board: str | None, output: str) -> None:
    """Check a built image against what its board will ask of it.

    Nothing is written or mounted, and nothing of it needs root. EVIDENCE says how it was learnt
    that a rule must hold. The exit code is 6 if any check fails.
    """
    from boards.catalog import load_profile
    from flasher.verify import verify_image

    report = verify_image(image, load_profile(board) if board else None)
    rows = [_row(report, finding) for finding in report.findings]
    emit(rows, columns=_COLUMNS, output=output)
    _conclude(report)


def _row(report: "Report", finding: "Finding") -> dict[str, str]:
    return {
        "board": report.board,
        "check": finding.check,
        "verdict": finding.verdict.value,
        "evidence": finding.evidence,
        "found": finding.text,
        "rule": finding.rule,
    }


def _conclude(report: "Report") -> None:
    """Say how it ended, and end with an error if anything failed."""
    from edge.errors import ImageError
    from flasher.verify import Verdict

    counts = [(verdict.value, len(report.of(verdict))) for verdict in Verdict]
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts if count)
    click.echo(f"{report.image} for {report.board}: {told}", err=True)
    if report.failures:
        names = ", ".join(finding.check for finding in report.failures)
        raise ImageError(
            f"{report.image} does not hold what {report.board} needs: {names}",
            hint="build it again, or see docs/verify.md for what a check means",
        )
