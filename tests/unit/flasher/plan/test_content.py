# SPDX-License-Identifier: Apache-2.0
"""What every byte of a card shall be, from image, patches and the size of the medium."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ImageError
from flasher.patch import Patch
from flasher.plan.content import Content, lay_out
from flasher.ranges import Range, merge, subtract
from flasher.source import open_image, scan_image
from flasher.table import Table, add_partition, read_table, write_table
from tests.fakes.image import MIB, make_image


def render(content: Content, size_bytes: int) -> bytes:
    """Return the whole card that `content` describes."""
    card = bytearray(size_bytes)
    with open_image(content.image) as reader:
        for one in content.data:
            content.fill(reader, one, memoryview(card)[one.start : one.end])
    card[: len(content.head)] = content.head
    return bytes(card)


@pytest.mark.parametrize("kind", ["gpt", "mbr"])
def test_partitions_arrive_unchanged(tmp_path: Path, kind: str) -> None:
    """On a larger medium every partition has the bytes it has in the image."""
    path = make_image(tmp_path / "i.img", kind="gpt" if kind == "gpt" else "mbr")
    card = render(lay_out(scan_image(path), 64 * MIB), 64 * MIB)
    table = read_table(io.BytesIO(card))
    assert table is not None
    assert len(table.partitions) == 3
    first, last = table.partitions[0].start_bytes, table.partitions[-1].end_bytes
    assert card[first:last] == path.read_bytes()[first:last]


def test_backup_table_moves_to_the_end(tmp_path: Path) -> None:
    """The backup header is in the medium's last sector, and none is left where it was."""
    content = lay_out(scan_image(make_image(tmp_path / "i.img")), 64 * MIB)
    card = render(content, 64 * MIB)
    assert card[-512:].startswith(b"EFI PART")
    assert card.count(b"EFI PART") == 2
    table = read_table(io.BytesIO(card))
    assert table is not None
    assert table.size_bytes == 64 * MIB


def test_medium_of_the_image_size_is_the_image(tmp_path: Path) -> None:
    """With nothing to move, the card is byte for byte the image."""
    path = make_image(tmp_path / "i.img")
    assert render(lay_out(scan_image(path), 16 * MIB), 16 * MIB) == path.read_bytes()


def test_medium_without_room_is_refused(tmp_path: Path) -> None:
    """An image that does not fit is an error before anything is written."""
    image = scan_image(make_image(tmp_path / "i.img"))
    with pytest.raises(ImageError, match="outside a medium"):
        lay_out(image, 12 * MIB)


def test_hybrid_boot_record_stays(tmp_path: Path) -> None:
    """An image with entries beside the protective one keeps its first sector."""
    path = make_image(tmp_path / "i.img")
    with path.open("r+b") as file:
        file.seek(446 + 16)
        file.write(bytes([0x80, 0, 0, 0, 0x0C, 0, 0, 0]) + (2048).to_bytes(4, "little") * 2)
    content = lay_out(scan_image(path), 64 * MIB)
    assert content.head[:512] == path.read_bytes()[:512]


@pytest.mark.parametrize("extra", [1, 1000, 70_000])
def test_image_of_any_size_gives_whole_blocks(tmp_path: Path, extra: int) -> None:
    """Direct I/O takes nothing else, and what lies behind the image is cleared in blocks too."""
    path = make_image(tmp_path / "i.img")
    with path.open("r+b") as file:
        file.truncate(16 * MIB + extra)
    content = lay_out(scan_image(path), 64 * MIB)
    for one in (*content.data, *content.zeros):
        assert (one.start % 4096, one.end % 4096) == (0, 0)


def test_what_nobody_reads_is_left_alone(tmp_path: Path) -> None:
    """Whole blocks that the map gives up are neither written nor cleared, unless patched."""
    image = scan_image(make_image(tmp_path / "i.img"))
    unread = (Range(2 * MIB + 100, 4 * MIB + 100), Range(6 * MIB, 7 * MIB))
    image = replace(image, data=(Range(8 * MIB, 13 * MIB),), unread=unread)
    content = lay_out(image, 64 * MIB, (Patch(6 * MIB + 5, b"patched"),))
    touched = merge((*content.zeros, *content.data))
    assert subtract([Range(2 * MIB + 4096, 4 * MIB)], touched) == (Range(2 * MIB + 4096, 4 * MIB),)
    assert Range(6 * MIB, 6 * MIB + 4096) in content.data
    assert subtract([Range(6 * MIB + 4096, 7 * MIB)], touched)[0].size_bytes == MIB - 4096
    assert subtract([Range(4 * MIB, 6 * MIB)], touched) == ()


def test_chunks_that_are_this_cards_own_are_known(tmp_path: Path) -> None:
    """Everything else may be shared with the other cards of a run."""
    image = scan_image(make_image(tmp_path / "i.img"))
    content = lay_out(image, 64 * MIB, (Patch(9 * MIB, b"mine"),))
    assert content.touches(Range(8 * MIB, 10 * MIB))
    assert not content.touches(Range(5 * MIB, 6 * MIB))
    assert Range(9 * MIB, 9 * MIB + 4) in content.private
    assert content.interim_head == bytes(MIB)
    assert content.interim_tail is None


def test_patches_of_the_head_are_in_it(tmp_path: Path) -> None:
    """A partition that begins in the first MiB can be personalised as any other."""
    image = scan_image(make_image(tmp_path / "i.img"))
    content = lay_out(image, 64 * MIB, (Patch(MIB - 3, b"across"),))
    assert content.head[-3:] == b"acr"
    assert render(content, 64 * MIB)[MIB - 3 : MIB + 3] == b"across"


def test_last_partition_grows_in_a_gpt(tmp_path: Path) -> None:
    """Only its entry changes; no byte more is written."""
    image = scan_image(make_image(tmp_path / "i.img"))
    plain, grown = lay_out(image, 64 * MIB), lay_out(image, 64 * MIB, grow=True)
    assert (grown.data, grown.zeros) == (plain.data, plain.zeros)
    before = read_table(io.BytesIO(render(plain, 64 * MIB)))
    after = read_table(io.BytesIO(render(grown, 64 * MIB)))
    assert before is not None
    assert after is not None
    assert after.partitions[:-1] == before.partitions[:-1]
    assert after.partitions[-1] == replace(before.partitions[-1], size_bytes=49 * MIB)


def test_last_partition_grows_in_an_mbr(tmp_path: Path) -> None:
    """Boot code, flags and addresses stay; four bytes of the first sector change."""
    image = scan_image(make_image(tmp_path / "i.img", kind="mbr"))
    plain, grown = lay_out(image, 64 * MIB), lay_out(image, 64 * MIB, grow=True)
    changed = [at for at in range(MIB) if plain.head[at] != grown.head[at]]
    assert 446 + 32 + 12 <= changed[0] <= changed[-1] < 446 + 32 + 16
    after = read_table(io.BytesIO(render(grown, 64 * MIB)))
    assert after is not None
    assert after.partitions[-1].end_bytes == 64 * MIB


@pytest.mark.parametrize("packer", ["none", "gzip"])
def test_last_logical_partition_grows(tmp_path: Path, packer: str) -> None:
    """Its record lies deep in the image and is read from there, packed or not."""
    table = Table(kind="mbr", disk_id="0badcafe", size_bytes=16 * MIB)
    table = add_partition(table, type="0c", size_bytes=2 * MIB)
    table = add_partition(table, type="0f")
    table = add_partition(table, type="83", size_bytes=3 * MIB, logical=True)
    table = add_partition(table, type="83", logical=True)
    path = tmp_path / "i.img"
    with path.open("w+b") as file:
        file.truncate(16 * MIB)
        write_table(file, table)
    if packer == "gzip":
        subprocess.run(["gzip", path], check=True)
        path = path.with_suffix(".img.gz")
    card = render(lay_out(scan_image(path), 64 * MIB, grow=True), 64 * MIB)
    found = read_table(io.BytesIO(card))
    assert found is not None
    assert [each.number for each in found.partitions] == [1, 2, 5, 6]
    assert [each.end_bytes for each in found.partitions][1:] == [64 * MIB, 7 * MIB, 64 * MIB]
    assert found.partitions[:1] + found.partitions[2:3] == (
        table.partitions[:1] + table.partitions[2:3]
    )


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(MIB, 15 * MIB), st.binary(min_size=1, max_size=3000)), max_size=4
    ),
    st.integers(32, 40),
)
def test_patches_win_and_holes_are_zero(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, bytes]], size_mib: int
) -> None:
    """Later patches cover earlier ones; whatever is in `zeros` is zero in the rendering."""
    path = make_image(tmp_path_factory.getbasetemp() / "content.img")
    expected = bytearray(path.read_bytes()[: 15 * MIB])
    patches = tuple(Patch(offset, data) for offset, data in edits)
    for patch in patches:
        end = min(patch.range.end, len(expected))
        expected[patch.offset : end] = patch.data[: end - patch.offset]
    content = lay_out(scan_image(path), size_mib * MIB, patches)
    card = render(content, size_mib * MIB)
    assert card[MIB : 15 * MIB] == expected[MIB:]
    assert not any(any(card[one.start : one.end]) for one in content.zeros)
    parts = (Range(0, len(content.head)), *content.data, *content.zeros)
    assert sum(one.size_bytes for one in parts) == sum(one.size_bytes for one in merge(parts))
