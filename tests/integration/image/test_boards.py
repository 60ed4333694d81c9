# SPDX-License-Identifier: Apache-2.0
"""Every board that builds is built, and its image has all that the board will ask for."""

from pathlib import Path

import pytest

from boards.catalog import all_profiles, load_profile
from flasher.image.build import build_image
from flasher.image.wishes import Wishes
from flasher.verify import Report, Verdict, verify_image
from overlays.choice import parse_choice
from tests.fakes.pieces import stand_ins
from tests.integration.image.conftest import GetImage

pytestmark = pytest.mark.image

COMPLETE = [each.name for each in all_profiles() if each.tier in {"A", "B"}]
SUPPLIED = [each.name for each in all_profiles() if each.tier == "C"]


@pytest.mark.parametrize("board", COMPLETE)
def test_a_board_that_needs_nothing_else_builds_and_verifies(built: GetImage, board: str) -> None:
    """All of it comes from Debian, and no check finds anything."""
    require_sound(verify_image(built(board).path))


@pytest.fixture
def quickly_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack roots with as little effort as there is: half of a build is for a smaller file."""
    quick = {"gzip": ("-comp", "gzip", "-Xcompression-level", "1"), "lz4": ("-comp", "lz4")}
    monkeypatch.setattr("flasher.image.filesystem._PACKINGS", quick)


@pytest.mark.usefixtures("quickly_packed")
@pytest.mark.parametrize("board", SUPPLIED)
def test_a_board_builds_and_verifies_with_what_its_user_supplies(
    tmp_path: Path, board: str
) -> None:
    """With stand-ins for vendors' files, the rest of the image is as sound as any."""
    profile = load_profile(board)
    image = tmp_path / f"{board}.img"
    build_image(profile, image, wishes=Wishes(pieces=stand_ins(profile, tmp_path)))
    require_sound(verify_image(image), but=(Verdict.WARNING,))


@pytest.mark.usefixtures("quickly_packed")
def test_what_somebody_adds_is_verified_too(tmp_path: Path) -> None:
    """Overlays with parameters, arguments, META values, lines for firmware and GRUB."""
    overlays = ("disable-bt", "i2c-rtc,chip=ds3231", "uart,port=3", "uart,port=5", "disable-wifi")
    wishes = Wishes(
        overlays=tuple(parse_choice(text) for text in overlays),
        arguments=("nosmt",),
        meta={0x0C: b"rack 4"},
        config_txt="[cm4]\nusb_max_current_enable=1\n",
        grub_cfg="set color_normal=white/black",
    )
    image = tmp_path / "rpi4.img"
    build_image(load_profile("rpi4"), image, wishes=wishes)
    report = verify_image(image)
    require_sound(report)
    told = {each.check: each.text for each in report.findings}
    assert "uart" in told["tree-overlays"]
    assert told["meta"] == "values for 0x0c"
    assert "console=ttyAMA0" in told["kernel-arguments"]


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
