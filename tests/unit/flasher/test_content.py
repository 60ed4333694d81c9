# SPDX-License-Identifier: Apache-2.0
"""What every byte of a card shall be, from image, patches and the size of the medium."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ImageError
from flasher.patch import Patch
from flasher.ranges import Range, merge
from flasher.source import open_image, scan_image
from flasher.table import read_table
from flasher.write.content import Content, lay_out
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
    path = make_image(tmp_path_factory.mktemp("content") / "i.img")
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
