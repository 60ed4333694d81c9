# SPDX-License-Identifier: Apache-2.0
"""By what a card is known again, and by what it must not be."""

from pathlib import Path

import pytest

from edge.meta.adv import STORE_BYTES
from flasher.card.personality import find_meta, new_personality, render_meta
from flasher.station.mark import Mark, read_mark
from flasher.station.port import Sighting
from flasher.table import read_table
from tests.fakes.image import make_image
from tests.fakes.station import START


@pytest.mark.parametrize(
    ("seen", "made", "is_same"),
    [
        (Mark(enrolment="e1"), Mark(enrolment="e1", cid="c"), True),
        (Mark(enrolment="e2", cid="c", head="h"), Mark(enrolment="e1", cid="c", head="h"), False),
        (Mark(cid="c", head="h"), Mark(enrolment="e1", cid="c", head="h"), False),
        (Mark(cid="c", head="h"), Mark(cid="c", head="h"), True),
        (Mark(cid="c", head="other"), Mark(cid="c", head="h"), False),
        (Mark(serial="r", head="h"), Mark(serial="r", head="h"), True),
        (Mark(serial="r2", head="h"), Mark(serial="r", head="h"), False),
        (Mark(head="h"), Mark(head="h"), False),
        (Mark(serial="r"), Mark(serial="r"), False),
        (Mark(), Mark(), False),
    ],
)
def test_a_card_is_known_by_what_is_its_own(seen: Mark, made: Mark, is_same: bool) -> None:
    """An enrolment decides; without one, number and content together do."""
    assert seen.is_of(made) is is_same


@pytest.mark.parametrize("kind", ["gpt", "mbr"])
def test_the_enrolment_is_read_off_the_card(tmp_path: Path, kind: str) -> None:
    """As the flasher put it there, on either sort of partition table."""
    path = make_image(tmp_path / "card", kind="gpt" if kind == "gpt" else "mbr")
    assert read_mark(_card(path)).enrolment == ""
    personality = new_personality(START)
    with path.open("r+b") as file:
        table = read_table(file)
        meta = find_meta(table) if table else None
        assert meta is not None
        file.seek(meta.start_bytes)
        file.write(render_meta(bytes(STORE_BYTES), personality, {}))
    mark = read_mark(_card(path))
    assert personality.enrolment is not None
    assert mark.enrolment == personality.enrolment.id
    assert (len(mark.head), mark.cid, mark.serial) == (64, "35", "p1")


def test_an_unreadable_card_has_only_its_number(tmp_path: Path) -> None:
    """Neither a missing nor a short nor an empty disk is an error here."""
    assert read_mark(_card(tmp_path / "gone")) == Mark(cid="35", serial="p1")
    short = tmp_path / "short"
    short.write_bytes(bytes(700))
    assert read_mark(_card(short)) == Mark(cid="35", serial="p1")


def _card(path: Path) -> Sighting:
    return Sighting(port="p1", name="sdb", path=path, size_bytes=1, cid="35")
