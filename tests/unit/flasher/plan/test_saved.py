# SPDX-License-Identifier: Apache-2.0
"""Partitions that outlive a card's being flashed again: their bytes, and what is refused."""

import io
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flasher.patch import Patch
from flasher.plan.content import Content, lay_out, read_image_table
from flasher.plan.saved import choose_saved, find_conflicts, object_to_saving
from flasher.source import Image, scan_image
from flasher.table import SECTOR, Partition, Table, read_table, stable_guid, write_table
from flasher.table.gpt import LINUX_DATA
from tests.fakes.image import MIB, make_image
from tests.unit.flasher.plan.test_content import render

IMAGE_END = 15 * MIB  # where the last partition of the test image ends
BYTE = 0xA5


def partition(number: int, label: str, start: int, end: int) -> Partition:
    return Partition(
        number=number,
        start_bytes=start,
        size_bytes=end - start,
        type=LINUX_DATA,
        label=label,
        uuid=stable_guid("card", str(number)),
        attributes=1 << 63,
    )


def present(size_bytes: int, *partitions: Partition) -> Table:
    return Table(
        kind="gpt", disk_id=stable_guid("card"), size_bytes=size_bytes, partitions=partitions
    )


def flash(content: Content, size_bytes: int, *, until: str = "end") -> bytes:
    """Return a card of `BYTE`s after everything that a writer may ever do to it."""
    card = bytearray([BYTE]) * size_bytes
    card[: len(content.interim_head)] = content.interim_head
    if tail := content.interim_tail:
        card[tail.offset : tail.range.end] = tail.data
    if until == "start":
        return bytes(card)
    new = render(content, size_bytes)
    for one in (*content.zeros, *content.data):
        card[one.start : one.end] = new[one.start : one.end]
    if until == "body":
        return bytes(card)
    card[: len(content.head)] = content.head
    return bytes(card)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return scan_image(make_image(tmp_path_factory.mktemp("saved") / "i.img"))


@st.composite
def cards(draw: st.DrawFn) -> tuple[int, Table]:
    """Draw a medium and up to three partitions behind those of the image, to the last sector."""
    size = draw(st.integers(20 * MIB // SECTOR, 26 * MIB // SECTOR)) * SECTOR
    first, last = IMAGE_END // SECTOR, size // SECTOR - 33
    points = draw(st.lists(st.integers(first, last), min_size=2, max_size=6, unique=True))
    points = sorted(points)[: len(points) // 2 * 2]
    numbers = draw(st.permutations([1, 3, 4, 5, 128]))
    parts = tuple(
        partition(numbers[index], f"KEEP{index}", start * SECTOR, end * SECTOR)
        for index, (start, end) in enumerate(zip(points[::2], points[1::2], strict=True))
    )
    return size, present(size, *parts)


def _patches(draws: list[tuple[int, bytes]]) -> tuple[Patch, ...]:
    return tuple(Patch(offset, data) for offset, data in draws)


@settings(max_examples=60, deadline=None)
@given(
    cards(),
    st.lists(st.tuples(st.integers(MIB, 19 * MIB), st.binary(min_size=1, max_size=9000))),
    st.booleans(),
)
def test_saved_bytes_are_never_touched(
    image: Image, card: tuple[int, Table], draws: list[tuple[int, bytes]], grow: bool
) -> None:
    """Whatever the card, the patches and the moment, what is saved stays as it is."""
    size, saved = card
    content = lay_out(image, size, _patches(draws), grow=grow, saved=saved)
    for until in ("start", "body", "end"):
        after = flash(content, size, until=until)
        for each in saved.partitions:
            assert set(after[each.start_bytes : each.end_bytes]) == {BYTE}


@settings(max_examples=40, deadline=None)
@given(cards(), st.booleans())
def test_table_has_both_and_nothing_is_lost_in_between(
    image: Image, card: tuple[int, Table], grow: bool
) -> None:
    """The finished table has all partitions; an interrupted card's has the saved ones alone."""
    size, saved = card
    content = lay_out(image, size, grow=grow, saved=saved)
    for until in ("start", "body"):
        left = read_table(io.BytesIO(flash(content, size, until=until)))
        assert left is not None
        assert set(left.partitions) == set(saved.partitions)
    done = read_table(io.BytesIO(flash(content, size)))
    assert done is not None
    assert {each.label for each in done.partitions} == {
        "EFI",
        "BOOT",
        "META",
        *(each.label for each in saved.partitions),
    }
    for each in saved.partitions:
        kept = done.by_label(each.label)
        assert kept is not None
        assert replace(kept, number=0) == replace(each, number=0)


@pytest.mark.parametrize("until", ["start", "end"])
def test_sgdisk_finds_no_fault(image: Image, tmp_path: Path, until: str) -> None:
    """Tables are whole in both copies, before and after, to the strictest reader."""
    size = 64 * MIB
    saved = present(size, partition(4, "STATE", IMAGE_END, size - 33 * SECTOR))
    path = tmp_path / "card.img"
    path.write_bytes(flash(lay_out(image, size, grow=True, saved=saved), size, until=until))
    checked = subprocess.run(["sgdisk", "-v", path], capture_output=True, text=True, check=True)
    assert "No problems found" in checked.stdout


def test_number_is_kept_where_it_is_free(image: Image) -> None:
    """A saved partition that had a number of the image's gets the next free one."""
    size = 64 * MIB
    saved = present(
        size,
        partition(2, "TAKEN", 20 * MIB, 21 * MIB),
        partition(7, "FREE", 30 * MIB, 31 * MIB),
    )
    done = read_table(io.BytesIO(flash(lay_out(image, size, saved=saved), size)))
    assert done is not None
    found = {each.label: each.number for each in done.partitions}
    assert (found["TAKEN"], found["FREE"]) == (4, 7)


def test_growing_ends_at_what_is_saved(image: Image) -> None:
    """The image's last partition takes the gap and nothing more."""
    size = 64 * MIB
    saved = present(size, partition(4, "STATE", 40 * MIB, 50 * MIB))
    done = read_table(io.BytesIO(flash(lay_out(image, size, grow=True, saved=saved), size)))
    assert done is not None
    meta = done.by_label("META")
    assert meta is not None
    assert meta.end_bytes == 40 * MIB


def _conflicts() -> Iterator[tuple[Partition, str]]:
    yield partition(4, "STATE", 14 * MIB, 20 * MIB), "STATE (4): it overlaps partition META (3) of"
    yield partition(4, "META", 20 * MIB, 21 * MIB), "META (4): partition META (3) of the image has"
    yield (
        partition(4, "STATE", 20 * MIB, 64 * MIB - SECTOR),
        "STATE (4): it reaches into the backup table",
    )
    yield partition(4, "STATE", 20 * SECTOR, MIB), "STATE (4): it lies in front of partition EFI"
    yield partition(4, "", 20 * SECTOR, MIB), "4: it begins where the partition table is"
    yield (
        replace(
            partition(4, "STATE", 20 * MIB, 21 * MIB),
            uuid=stable_guid(stable_guid("test"), "1", "EFI"),
        ),
        "STATE (4): partition EFI (1) of the image has the same GUID",
    )


@pytest.mark.parametrize(("kept", "text"), _conflicts())
def test_conflicts_name_both(image: Image, kept: Partition, text: str) -> None:
    """What cannot stay is told with the partition of the image that is in its way."""
    size = 64 * MIB
    found = find_conflicts(present(size, kept), read_image_table(image), size)
    assert any(f"cannot keep {text}" in one for one in found)


def test_what_lies_behind_the_image_has_no_conflict(image: Image) -> None:
    """A node's own partitions begin right where the image's last one ends."""
    saved = present(64 * MIB, partition(4, "STATE", IMAGE_END, 64 * MIB - 33 * SECTOR))
    assert find_conflicts(saved, read_image_table(image), 64 * MIB) == []


def test_images_with_an_mbr_have_no_place_for_labels(tmp_path: Path) -> None:
    """Across kinds of tables nothing can be kept."""
    image = scan_image(make_image(tmp_path / "i.img", kind="mbr"))
    saved = present(64 * MIB, partition(4, "STATE", 20 * MIB, 21 * MIB))
    (text,) = find_conflicts(saved, read_image_table(image), 64 * MIB)
    assert "the image has an MBR" in text


def test_a_full_table_has_no_room() -> None:
    """More than 128 partitions do not fit, however they are numbered."""
    size = 300 * MIB
    image = present(size, *(partition(n, f"I{n}", n * MIB, (n + 1) * MIB) for n in range(1, 128)))
    saved = present(
        size, *(partition(n, f"K{n}", (199 + n) * MIB, (200 + n) * MIB) for n in (128, 129))
    )
    saved = replace(
        saved, partitions=tuple(replace(each, uuid=each.label) for each in saved.partitions)
    )
    (text,) = find_conflicts(saved, image, size * 2)
    assert "more partitions to save than the table has entries" in text


def test_labels_are_chosen_by_globs() -> None:
    """Options may be repeated, and may hold several patterns."""
    table = present(
        64 * MIB,
        partition(1, "EFI", MIB, 2 * MIB),
        partition(2, "STATE", 2 * MIB, 3 * MIB),
        partition(3, "data-1", 3 * MIB, 4 * MIB),
        partition(4, "data-2", 4 * MIB, 5 * MIB),
    )
    saved = choose_saved(table, ("STATE, data-[12]",))
    assert [each.label for each in saved.partitions] == ["STATE", "data-1", "data-2"]
    assert object_to_saving(table, ("STATE", "data-*")) == []
    assert object_to_saving(table, ("STATE,home",)) == ["has no partition labelled 'home' to save"]


def test_cards_without_labels_cannot_keep_anything() -> None:
    """Rather a refusal than a card whose data is gone after all."""
    assert object_to_saving(None, ("STATE",))[0].startswith("has no partition table")
    mbr = Table(kind="mbr", disk_id="1", size_bytes=MIB)
    assert object_to_saving(mbr, ("STATE",))[0].startswith("has an MBR")


def test_saved_table_is_written_by_our_own_code(tmp_path: Path) -> None:
    """A table of one partition is a table."""
    path = tmp_path / "x.img"
    with path.open("w+b") as file:
        file.truncate(64 * MIB)
        write_table(file, present(64 * MIB, partition(9, "STATE", 20 * MIB, 21 * MIB)))
        found = read_table(file)
    assert found is not None
    assert found.partitions[0].number == 9
