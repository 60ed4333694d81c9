# SPDX-License-Identifier: Apache-2.0
"""Every board that builds is built, and its image has all that the board will ask for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from boards.catalog import all_profiles, load_profile
from flasher.image.build import build_image
from flasher.image.wishes import Wishes
from flasher.verify import Report, Verdict, verify_image
from tests.fakes.pieces import stand_ins
from tests.integration.image.conftest import BuiltImage

pytestmark = pytest.mark.image

COMPLETE = [each.name for each in all_profiles() if each.tier in {"A", "B"}]
SUPPLIED = [each.name for each in all_profiles() if each.tier == "C"]


@pytest.mark.parametrize("board", COMPLETE)
def test_a_board_that_needs_nothing_else_builds_and_verifies(
    built: Callable[[str], BuiltImage], board: str
) -> None:
    """All of it comes from Debian, and no check finds anything."""
    require_sound(verify_image(built(board).path))


@pytest.mark.parametrize("board", SUPPLIED)
def test_a_board_builds_and_verifies_with_what_its_user_supplies(
    tmp_path: Path, board: str
) -> None:
    """With stand-ins for vendors' files, the rest of the image is as sound as any."""
    profile = load_profile(board)
    image = tmp_path / f"{board}.img"
    build_image(profile, image, wishes=Wishes(pieces=stand_ins(profile, tmp_path)))
    require_sound(verify_image(image), but=(Verdict.WARNING,))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_complete_board_builds_from_nothing(tmp_path: Path) -> None:
    """One run with an empty cache downloads and builds all of them."""
    for board in COMPLETE:
        image = tmp_path / f"{board}.img"
        build_image(load_profile(board), image, cache=tmp_path / "cache")
        require_sound(verify_image(image))
        image.unlink()


def require_sound(report: Report, *, but: tuple[Verdict, ...] = ()) -> None:
    """Demand that every check ended well; nothing may stay unchecked here."""
    fine = (Verdict.OK, Verdict.NOT_APPLICABLE, *but)
    found = {each.check: each.text for each in report.findings if each.verdict not in fine}
    assert found == {}, f"{report.board}: {found}"
