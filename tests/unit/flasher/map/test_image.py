# SPDX-License-Identifier: Apache-2.0
"""Images are mapped alike whether they are looked into or pass by."""

import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.errors import ImageError
from edge.units import KIB, MIB
from flasher.map import Bmap, MapObserver, Mapping, RangeCheck, map_bmap, map_raw
from flasher.ranges import Range, intersect, subtract, total_bytes
from flasher.table import Partition, Table, add_partition, read_table, write_table
from flasher.table.mbr import write_mbr
from tests.fakes.fat import TABLE_AT, make_fat16

_FAT = bytes(make_fat16(16 * MIB, used=1000))
_SIZE = 20 * MIB


def _disk(fat: bytes = _FAT, *, start: int = MIB, size: int = _SIZE, of: int = 16 * MIB) -> bytes:
    """Return a disk of `size` bytes whose only partition holds `fat`."""
    file = io.BytesIO(bytes(size))
    file.seek(start)
    file.write(fat)
    partition = Partition(number=1, start_bytes=start, size_bytes=of, type="0e")
    table = Table(kind="mbr", disk_id="00000001", size_bytes=size, partitions=(partition,))
    write_mbr(file, table)
    return file.getvalue()[:size]


def _stream(disk: bytes, *, piece_bytes: int = 3 * MIB, bmap: Bmap | None = None) -> Mapping:
    observer = MapObserver(bmap)
    for start in range(0, len(disk), piece_bytes):
        piece = disk[start : start + piece_bytes]
        if piece.strip(b"\0"):
            observer.feed(start, memoryview(piece))
    return observer.finish(len(disk))


def _look(path: Path, disk: bytes, bmap: Bmap | None = None) -> Mapping:
    path.write_bytes(disk)
    with path.open("rb") as file:
        return map_raw(file.fileno(), len(disk), bmap)


def test_free_clusters_are_left_alone(tmp_path: Path) -> None:
    """Of a file system with 2 MB in it, these are data and the rest is left alone."""
    mapping = _look(tmp_path / "disk", _disk())
    assert total_bytes(mapping.unread) > 12 * MIB
    streamed = _stream(_disk())
    assert streamed.unread == mapping.unread
    assert 2_000_000 < total_bytes(streamed.data) < 2_400_000


@example(4096)
@given(st.integers(40_000, 5 * MIB))
@settings(max_examples=25, deadline=None)
def test_pieces_make_no_difference(piece_bytes: int) -> None:
    """However an image is cut in passing, and its holes passed over, its map is the same."""
    assert _stream(_disk(), piece_bytes=piece_bytes) == _stream(_disk())


def test_partition_before_the_first_mib() -> None:
    """A partition that begins in the head of the disk, as they once did, is surveyed too."""
    mapping = _stream(_disk(start=63 * 512))
    assert total_bytes(mapping.unread) > 12 * MIB


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (11, 1),  # bytes in a sector
        (13, 3),  # sectors in a cluster
        (13, 128),  # no such number of clusters for this table
        (14, 0),  # reserved sectors
        (16, 3),  # copies of the table
        (18, 0),  # entries in the root directory
        (21, 0x12),  # kind of medium
        (22, 1),  # sectors in a table
        (34, 0xFF),  # sectors in all
        (37, 1),  # dirty
        (510, 0),
        (TABLE_AT, 0xF0),  # not the kind of medium
        (TABLE_AT + 3, 0x7F),  # not unmounted
        (TABLE_AT + 3, 0xBF),  # had errors
        (TABLE_AT + 9000, 1),  # unlike its copy
    ],
)
def test_fat_in_doubt_is_data(at: int, value: int) -> None:
    """A file system that contradicts itself or is not clean leaves nothing free."""
    fat = bytearray(_FAT)
    fat[at] = value
    assert _stream(_disk(bytes(fat))).unread == ()


@pytest.mark.parametrize(
    ("at", "magic"), [(0, b"LUKS\xba\xbe"), (512, b"LABELONE"), (1080, b"\x53\xef")]
)
def test_other_owners_of_a_partition(at: int, magic: bytes) -> None:
    """Where somebody else's signature stands, an older file system says nothing."""
    fat = bytearray(_FAT)
    fat[at : at + len(magic)] = magic
    assert _stream(_disk(bytes(fat))).unread == ()


def test_unknown_partition_is_data_where_not_zero() -> None:
    """Of a partition that nobody knows, what is zero is zero and the rest is data."""
    disk = bytearray(_disk(bytes(MIB)))
    disk[7 * MIB : 8 * MIB] = b"\x77" * MIB
    mapping = _stream(bytes(disk))
    assert mapping.unread == ()
    assert mapping.data == (Range(0, 64 * KIB), Range(7 * MIB, 8 * MIB))


def test_disk_without_a_table() -> None:
    """A disk without a table, even a tiny one, is data where it is not zero."""
    assert _stream(b"\1" + bytes(70_000)).data == (Range(0, 64 * KIB),)
    assert _stream(b"").data == ()


def test_overlapping_partitions_are_not_trusted() -> None:
    """Where two partitions claim the same bytes, neither file system says what is free."""
    disk = bytearray(_disk())
    disk[462:478] = disk[446:462]
    assert _stream(bytes(disk)).unread == ()


def test_partition_past_the_end_of_the_image(tmp_path: Path) -> None:
    """A file system that is cut off by the image's end says nothing."""
    disk = _disk()[: 16 * MIB]
    assert _stream(disk).unread == ()
    assert _look(tmp_path / "disk", disk).unread == ()


def _logical_disk(*, fats: int = 2) -> bytearray:
    """Return a disk with one primary and some logical partitions, each with a file system."""
    size = (20 + 18 * fats) * MIB
    file = io.BytesIO(_disk(size=size))
    table = read_table(file)
    assert table is not None
    table = add_partition(table, type="0f")
    for _ in range(fats):
        table = add_partition(table, type="0e", size_bytes=16 * MIB, logical=True)
    write_table(file, table)
    for each in table.partitions[2:]:
        file.seek(each.start_bytes)
        file.write(_FAT)
    return bytearray(file.getvalue())


def test_logical_partitions(tmp_path: Path) -> None:
    """The file systems of logical partitions are surveyed, and their edges never left alone."""
    disk = bytes(_logical_disk())
    mapping = _look(tmp_path / "disk", disk)
    assert total_bytes(mapping.unread) > 36 * MIB
    assert _stream(disk, piece_bytes=100_000).unread == mapping.unread
    table = read_table(io.BytesIO(disk))
    assert table is not None
    for each in table.partitions[2:]:
        tail = Range(each.end_bytes - MIB, each.end_bytes)
        assert intersect(mapping.unread, [tail]) == ()


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (510, b"\0\0"),  # no record
        (446 + 8, b"\xff\xff\xff\x00"),  # the partition is outside
        (446 + 8, bytes(4)),  # the partition is on its record
        (462 + 8, b"\x00\x10\x00\x00"),  # the next record is in this partition
    ],
)
def test_broken_chain_of_logical_partitions(at: int, value: bytes) -> None:
    """Where the chain is broken, nothing in the container is free, but outside of it."""
    disk, container = _logical_disk(), 17 * MIB
    disk[container + at : container + at + len(value)] = value
    unread = _stream(bytes(disk)).unread
    assert 12 * MIB < total_bytes(unread) < 14 * MIB
    assert unread[-1].end <= container


def test_gpt_and_holes(tmp_path: Path) -> None:
    """In a sparse image, holes are zeros and the survey reads through them."""
    table = Table(kind="gpt", disk_id="1" * 8 + "-1111-1111-1111-" + "1" * 12, size_bytes=_SIZE)
    table = add_partition(table, type="0fc63daf-8483-4772-8e79-3d69d8477de4", size_bytes=16 * MIB)
    with (tmp_path / "disk").open("w+b") as file:
        file.truncate(_SIZE)
        write_table(file, table)
        file.seek(MIB)
        file.write(_FAT[: 3 * MIB])
        file.flush()
        mapping = map_raw(file.fileno(), _SIZE)
    assert total_bytes(mapping.data) < 3 * MIB
    assert total_bytes(mapping.unread) > 12 * MIB


def _bmap(mapped: tuple[Range, ...], disk: bytes, *, checked: bool) -> Bmap:
    checks = tuple(
        RangeCheck(range=one, digest=hashlib.sha256(disk[one.start : one.end]).hexdigest())
        for one in mapped
    )
    return Bmap(
        name="x.bmap", size_bytes=len(disk), mapped=mapped, checks=checks if checked else ()
    )


def test_block_map_alone() -> None:
    """Of a packed image, only head and block map are known; its edges are zeroed all the same."""
    mapped = (Range(0, 64 * KIB), Range(MIB, 4 * MIB))
    mapping = map_bmap(_bmap(mapped, _disk(), checked=True), _disk()[:MIB])
    assert mapping.data == mapped
    assert mapping.unread == (Range(4 * MIB, 16 * MIB), Range(17 * MIB, 20 * MIB))
    assert len(mapping.checks) == 2


@pytest.mark.parametrize("checked", [True, False])
def test_block_map_and_file_system(checked: bool) -> None:
    """What a map lists but no file has is left alone, unless a checksum covers it."""
    mapped = (Range(0, 64 * KIB), Range(MIB, 12 * MIB))
    mapping = _stream(_disk(), bmap=_bmap(mapped, _disk(), checked=checked))
    free = Range(5 * MIB, 11 * MIB)
    assert (subtract([free], mapping.data) == ()) == checked
    assert (subtract([free], mapping.unread) == ()) == (not checked)


def test_block_map_of_another_image(tmp_path: Path) -> None:
    """A block map for an image of another size is refused."""
    bmap = _bmap((Range(0, 4096),), bytes(8192), checked=False)
    with pytest.raises(ImageError, match=r"x.bmap is the block map of an image of 8192 bytes"):
        _stream(_disk(), bmap=bmap)
    with pytest.raises(ImageError, match=r"x.bmap is the block map of an image of 8192 bytes"):
        _look(tmp_path / "disk", _disk(), bmap)
