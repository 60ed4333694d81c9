# SPDX-License-Identifier: Apache-2.0
"""Partitions that stay on real disks while everything else is flashed anew."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import DeviceError, FlashError, ImageError
from edge.events import Event
from flasher.device import inspect
from flasher.plan import FlashOptions, prepare
from flasher.ranges import Range
from flasher.record import CardRecords
from flasher.source import RangeCheck, scan_image
from flasher.table import SECTOR, Table, read_table
from flasher.write import flash
from flasher.write.event import CardProgressed
from tests.fakes.image import MIB, make_image
from tests.integration.flash.conftest import AttachLoop

KEEP = FlashOptions(save_labels=("STATE",))
CARD_BYTES = 64 * MIB
FIRST, LAST = 15 * MIB // SECTOR + 1, CARD_BYTES // SECTOR - 34
STATE = slice(FIRST * SECTOR, (LAST + 1) * SECTOR)
"""From right behind the image to the last sector there is, on no block boundary at all."""


@pytest.fixture
def records(own_records: Path) -> CardRecords:
    return CardRecords(own_records)


@pytest.fixture
def card(image: Path, attach_loop: AttachLoop, records: CardRecords) -> Path:
    """Give a flashed card whose node made a STATE of what was left, full of 0xA5."""
    card = attach_loop(CARD_BYTES)
    flash(prepare(image, card), records=records)
    _sgdisk("-a", "1", "-n", f"7:{FIRST}:{LAST}", "-c", "7:STATE", "-A", "7:set:2", str(card))
    with card.open("r+b") as disk:
        disk.seek(STATE.start)
        disk.write(b"\xa5" * (STATE.stop - STATE.start))
    return card


def _sgdisk(*arguments: str) -> str:
    done = subprocess.run(["sgdisk", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def _table(card: Path) -> Table:
    table = read_table(io.BytesIO(card.read_bytes()))
    assert table is not None
    return table


def _is_kept(card: Path) -> bool:
    return card.read_bytes()[STATE] == b"\xa5" * (STATE.stop - STATE.start)


def test_state_outlives_a_flash(card: Path, tmp_path: Path, records: CardRecords) -> None:
    """Its bytes and its entry stay; everything else is the new image's."""
    before = _table(card).by_label("STATE")
    new = make_image(tmp_path / "new.img", seed=2)
    flash(prepare(new, card, KEEP), records=records)
    table = _table(card)
    assert _is_kept(card)
    assert table.by_label("STATE") == before
    assert [each.label for each in table.partitions] == ["EFI", "BOOT", "META", "STATE"]
    assert card.read_bytes()[MIB : 13 * MIB] == new.read_bytes()[MIB : 13 * MIB]
    assert "No problems found" in _sgdisk("-v", str(card))


def test_state_is_lost_without_the_option(card: Path, image: Path, records: CardRecords) -> None:
    """That is what flashing a card means."""
    flash(prepare(image, card), records=records)
    assert _table(card).by_label("STATE") is None
    assert not _is_kept(card)


def test_failed_card_still_has_its_state(card: Path, tmp_path: Path, records: CardRecords) -> None:
    """A card that failed is no bootable disk, but nothing that was to be saved is lost."""
    new = scan_image(make_image(tmp_path / "new.img", seed=2))
    wrong = RangeCheck(range=Range(8 * MIB, 9 * MIB), digest="0" * 64)
    plan = prepare(replace(new, checks=(wrong,)), card, KEEP)
    with pytest.raises((ImageError, FlashError)):
        flash(plan, records=records)
    assert _is_kept(card)
    assert [each.label for each in _table(card).partitions] == ["STATE"]
    assert not any(card.read_bytes()[:440])
    plan = prepare(new, card, KEEP)
    flash(plan, records=records)
    assert _is_kept(card)
    assert "No problems found" in _sgdisk("-v", str(card))


def test_stopped_card_still_has_its_state(card: Path, tmp_path: Path, records: CardRecords) -> None:
    """Ctrl-C in the middle leaves a table of what was to be saved, and going on finishes it."""

    def interrupt(event: Event) -> None:
        if isinstance(event, CardProgressed):
            raise KeyboardInterrupt

    new = make_image(tmp_path / "new.img", seed=2)
    with pytest.raises(KeyboardInterrupt):
        flash(prepare(new, card, KEEP), records=records, listener=interrupt)
    assert _is_kept(card)
    assert [each.label for each in _table(card).partitions] == ["STATE"]
    with pytest.raises(DeviceError, match=r"what the interrupted run kept \(STATE\)"):
        prepare(new, card, FlashOptions(resume=True))
    flash(prepare(new, card, replace(KEEP, resume=True)), records=records)
    assert _is_kept(card)
    assert "No problems found" in _sgdisk("-v", str(card))


def test_state_in_the_way_is_refused_before_anything_is_lost(card: Path, tmp_path: Path) -> None:
    """A larger image does not fit in front of it, and says which partitions clash."""
    large = make_image(tmp_path / "large.img", size_mib=24)
    _sgdisk("-n", "9:0:+4M", "-c", "9:ROOT", str(large))
    before = card.read_bytes()
    with pytest.raises(DeviceError) as caught:
        prepare(large, card, KEEP)
    assert "cannot keep STATE (7): it overlaps partition ROOT (9) of the image" in str(caught.value)
    assert card.read_bytes() == before


def test_state_that_changed_after_planning_is_refused(
    card: Path, image: Path, records: CardRecords
) -> None:
    """What was shown to the operator is what stays, or nothing is written."""
    plan = prepare(image, card, KEEP)
    _sgdisk("-A", "7:set:3", str(card))
    with pytest.raises(DeviceError, match="not those they were a moment ago"):
        flash(plan, records=records)
    assert _is_kept(card)


def test_image_files_keep_theirs_too(image: Path, tmp_path: Path, records: CardRecords) -> None:
    """A card image is a card."""
    path = tmp_path / "card.img"
    flash(prepare(image, path, FlashOptions(size_bytes=CARD_BYTES)), records=records)
    _sgdisk("-n", f"4:{FIRST + 2047}:{LAST}", "-c", "4:STATE", str(path))
    with path.open("r+b") as file:
        file.seek(20 * MIB)
        file.write(b"precious")
    flash(prepare(image, path, KEEP), records=records)
    assert path.read_bytes()[20 * MIB : 20 * MIB + 8] == b"precious"
    assert "No problems found" in _sgdisk("-v", str(path))


@pytest.mark.parametrize("kind", ["gpt", "mbr"])
def test_last_partition_is_grown(
    attach_loop: AttachLoop, tmp_path: Path, records: CardRecords, kind: str
) -> None:
    """The kernel and sgdisk see the last partition reach to the end."""
    image = make_image(tmp_path / "i.img", kind="gpt" if kind == "gpt" else "mbr")
    card = attach_loop(CARD_BYTES)
    flash(prepare(image, card, FlashOptions(grow_last=True)), records=records)
    last = inspect(card).layout
    assert last is not None
    end = 63 * MIB if kind == "gpt" else CARD_BYTES
    assert last.partitions[-1].end_bytes == end
    if kind == "gpt":
        assert "No problems found" in _sgdisk("-v", str(card))
