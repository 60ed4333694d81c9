# SPDX-License-Identifier: Apache-2.0
"""Images with everything in its place pass every check, on every kind of boot chain."""

from pathlib import Path

import pytest

from flasher.verify import CHECKS, Verdict, verify_image
from tests.fakes.board_image import assemble, describe, make_parts

BOARDS = ("rpi4", "rpi5", "rpi3", "nuc", "qemu-arm64", "jetson-nano", "rock-5b")


@pytest.mark.parametrize("board", BOARDS)
def test_nothing_is_found_against_a_good_image(tmp_path: Path, board: str) -> None:
    """Each check says ok, or why there is nothing to check."""
    parts = make_parts(board)
    image = assemble(parts, tmp_path)
    describe(image, parts)
    report = verify_image(image, parts.profile)
    told = {each.check: each.text for each in report.findings if each.verdict not in _FINE}
    assert told == {}
    assert [each.check for each in report.findings] == [check.name for check in CHECKS]


_FINE = (Verdict.OK, Verdict.NOT_APPLICABLE)
