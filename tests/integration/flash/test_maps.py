# SPDX-License-Identifier: Apache-2.0
"""Maps of real file systems: what is left alone on a card is never missed."""

import os
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from edge.units import KIB, MIB
from flasher.map import GAP_BYTES, MapObserver, Mapping, map_raw, read_bmap, write_bmap
from flasher.map.filesystem import survey_partition
from flasher.map.survey import Surveyor
from flasher.ranges import Range, align, intersect, merge, subtract, total_bytes
from tests.integration.flash.file_systems import (
    list_free,
    make_disk,
    make_ext,
    make_fat,
    make_files,
    read_ext,
    read_fat,
    run,
)

_STALE = b"\xa5"
_PHASES = (
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
)  # shrinking would make file systems for ever
_PIECES = st.sampled_from([4 * KIB, 64 * KIB, 100_000, MIB, 3 * MIB + 7])

EXT_OPTIONS = (
    "-t ext4",
    "-t ext2",
    "-t ext3",
    "-t ext2 -b 1024",
    "-t ext2 -r 0 -O none",
    "-t ext4 -b 1024",
    "-t ext4 -b 2048 -G 4",
    "-t ext4 -g 1024",
    "-t ext4 -O ^flex_bg",
    "-t ext4 -O ^64bit,^metadata_csum",
    "-t ext4 -O ^metadata_csum,uninit_bg",
    "-t ext4 -O bigalloc -C 65536",
    "-t ext4 -O bigalloc -b 1024 -C 16384",
    "-t ext4 -O meta_bg,^resize_inode",
    "-t ext4 -O meta_bg,^resize_inode -b 1024",
    "-t ext4 -O meta_bg,^resize_inode -b 1024 -G 64",
    "-t ext4 -O sparse_super2",
    "-t ext4 -O ^sparse_super,^resize_inode -b 1024",
    "-t ext4 -O ^has_journal,inline_data,ea_inode,large_dir,casefold",
    "-t ext4 -O mmp,quota,project,encrypt,verity,stable_inodes",
)
FAT_OPTIONS = (
    "-F 12 -s 32",
    "-F 16 -s 4",
    "-F 16 -s 8 -f 1",
    "-F 16 -R 64",
    "-F 32 -s 1",
    "-F 32 -s 1 -R 2048",
    "-F 16 -s 2 -S 1024",
)

sizes = st.lists(st.sampled_from([0, 1, 5_000, 70_000, 300 * KIB, MIB, 2_500_000]), max_size=10)


@given(st.sampled_from(EXT_OPTIONS), st.integers(12, 60), sizes, st.data())
@settings(max_examples=30, deadline=None, phases=_PHASES)
def test_ext_survives_its_map(
    options: str, size_mib: int, file_sizes: list[int], data: st.DataObject
) -> None:
    """On a card full of old data, an ext file system written by its map has all its files."""
    _check_survival(make_ext, read_ext, options, size_mib, file_sizes, data)


@given(st.sampled_from(FAT_OPTIONS), st.integers(36, 60), sizes, st.data())
@settings(max_examples=20, deadline=None, phases=_PHASES)
def test_fat_survives_its_map(
    options: str, size_mib: int, file_sizes: list[int], data: st.DataObject
) -> None:
    """On a card full of old data, a FAT file system written by its map has all its files."""
    _check_survival(make_fat, read_fat, options, size_mib, file_sizes, data)


@pytest.mark.parametrize("options", EXT_OPTIONS)
def test_free_is_what_dumpe2fs_calls_free(options: str, tmp_path: Path) -> None:
    """Nothing is left alone that the makers' own tool does not call free, and little else is."""
    files = make_files([5_000, 3_000_000, 400_000, 10_000_000], seed=3)
    make_ext(tmp_path / "part", options, 100 * MIB, files, gone=["f001.bin"])
    (place,) = make_disk(tmp_path / "disk", [tmp_path / "part"])
    free = [
        Range(place.start + one.start, place.start + one.end)
        for one in list_free(tmp_path / "part")
    ]
    for mapping in (_map(tmp_path / "disk"), _stream(tmp_path / "disk", MIB)):
        assert subtract(mapping.unread, free) == ()
        assert total_bytes(mapping.unread) > total_bytes(tuple(free)) - 15 * MIB


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("options", ["-t ext4", "-t ext4 -O bigalloc -C 65536", "-t ext2"])
def test_what_the_kernel_wrote(options: str, tmp_path: Path) -> None:
    """A file system that the kernel wrote and unmounted is understood, one in use is not."""
    make_ext(tmp_path / "part", options, 64 * MIB, {})
    (tmp_path / "mounted").mkdir()
    run("mount", "-o", "loop", tmp_path / "part", tmp_path / "mounted")
    try:
        for name, data in make_files([100_000 * index for index in range(20)], seed=6).items():
            (tmp_path / "mounted" / name).write_bytes(data)
        (tmp_path / "mounted/f019.bin").unlink()
        os.sync()
        shutil.copy(tmp_path / "part", tmp_path / "in use")
    finally:
        run("umount", tmp_path / "mounted")
    (place,) = make_disk(tmp_path / "disk", [tmp_path / "part"])
    mapping = _map(tmp_path / "disk")
    assert total_bytes(mapping.unread) > 30 * MIB
    free = [
        Range(place.start + one.start, place.start + one.end)
        for one in list_free(tmp_path / "part")
    ]
    assert subtract(mapping.unread, free) == ()
    make_disk(tmp_path / "disk", [tmp_path / "in use"])
    assert not _map(tmp_path / "disk").unread


@pytest.mark.parametrize("options", FAT_OPTIONS)
def test_most_of_an_empty_fat_is_left_alone(options: str, tmp_path: Path) -> None:
    """Every kind of FAT file system is understood: next to nothing of an empty one is read."""
    make_fat(tmp_path / "part", options, 36 * MIB, {})
    make_disk(tmp_path / "disk", [tmp_path / "part"])
    mapping = _map(tmp_path / "disk")
    assert total_bytes(mapping.unread) > 30 * MIB


def _break(command: str) -> Callable[[Path], None]:
    def do(path: Path) -> None:
        run("debugfs", "-w", "-R", command, path)

    return do


def _flip(offset: int) -> Callable[[Path], None]:
    def do(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0xFF]))

    return do


@pytest.mark.parametrize(
    "harm",
    [
        _break("ssv feature_incompat 0x46"),  # a journal to be replayed, by the field alone
        _break("feature needs_recovery"),
        _break("ssv state 0"),
        _break("ssv state 3"),
        _break("ssv feature_ro_compat 0x80000000"),
        _break("ssv feature_compat 0x80000000"),
        _break("ssv rev_level 2"),
        _break("ssv free_blocks_count 1"),
        _break("ssv blocks_count 99999999"),
        _break("ssv inodes_per_group 8"),
        _break("ssv log_block_size 6"),
        _break("set_bg 0 free_blocks_count 7"),
        _break("set_bg 0 block_bitmap 0x7fffffff"),
        _break("set_bg 1 free_blocks_count 7"),
        _break("freeb 1"),
    ],
)
def test_ext_in_doubt_is_read_whole(harm: Callable[[Path], None], tmp_path: Path) -> None:
    """An ext file system that is unclean, unknown or contradicts itself is written whole."""
    part = tmp_path / "part"
    make_ext(part, "-t ext4 -g 4096", 64 * MIB, {})
    harm(part)
    make_disk(tmp_path / "disk", [part])
    assert not _map(tmp_path / "disk").unread


def test_bitmap_that_calls_metadata_free(tmp_path: Path) -> None:
    """A file system whose counts match, but whose inode table is called free, is written whole."""
    part = tmp_path / "part"
    make_ext(part, "-t ext4 -O ^metadata_csum,^flex_bg,^uninit_bg -N 16384", 64 * MIB, {})
    table = int(run("debugfs", "-R", "imap <16>", part).split("at block ")[1].split(",")[0])
    free = int(run("debugfs", "-R", "ffb 1", part).split(": ")[1])
    run("debugfs", "-w", "-f", "-", part, text_in=f"freeb {table} 300\nsetb {free} 300\n")
    make_disk(tmp_path / "disk", [part])
    assert not _map(tmp_path / "disk").unread


@pytest.mark.parametrize("at", [65, 32 * 512 + 7, 32 * 512 + 4000, 16])
def test_fat_in_doubt_is_read_whole(at: int, tmp_path: Path) -> None:
    """A FAT file system that is dirty, or whose tables differ, is written whole."""
    part = tmp_path / "part"
    make_fat(part, "-F 32 -s 1", 36 * MIB, {})
    _flip(at)(part)
    make_disk(tmp_path / "disk", [part])
    assert not _map(tmp_path / "disk").unread


@given(st.booleans(), st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 255)), max_size=8))
@settings(max_examples=300, deadline=None)
def test_harm_is_never_more_than_doubt(is_ext: bool, harms: list[tuple[int, int]]) -> None:
    """Whatever is wrong in its first blocks, a file system is surveyed or given up on."""
    disk = bytearray(_small(is_ext=is_ext))
    for offset, value in harms:
        disk[offset] = value
    surveyor = Surveyor(survey_partition(len(disk)), len(disk))
    while (want := surveyor.want) is not None:
        surveyor.give(want.start, memoryview(disk)[want.start : want.end])
    assert all(one.end <= len(disk) for one in surveyor.free)
    if not harms:
        assert surveyor.free


@cache
def _small(*, is_ext: bool) -> bytes:
    with TemporaryDirectory() as folder:
        part = Path(folder, "part")
        if is_ext:
            make_ext(part, "-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode", 5 * MIB, {})
        else:
            make_fat(part, "-F 16 -s 1", 5 * MIB, {})
        return part.read_bytes()


def test_block_map_is_that_of_bmaptool(tmp_path: Path) -> None:
    """A block map says the same as the one that bmaptool makes, and bmaptool takes it."""
    make_ext(tmp_path / "part", "-t ext4", 40 * MIB, make_files([5000, 3_000_000], seed=4))
    make_disk(tmp_path / "disk", [tmp_path / "part"])
    with (tmp_path / "disk").open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) + 1000)
    run("bmaptool", "create", tmp_path / "disk", "-o", tmp_path / "theirs")
    write_bmap(tmp_path / "ours", tmp_path / "disk")
    ours, theirs = read_bmap(tmp_path / "ours"), read_bmap(tmp_path / "theirs")
    assert ours.mapped == theirs.mapped
    assert ours.checks == theirs.checks
    assert ours.size_bytes == theirs.size_bytes
    run("bmaptool", "copy", "--bmap", tmp_path / "ours", tmp_path / "disk", tmp_path / "copy")
    run("cmp", tmp_path / "disk", tmp_path / "copy")


def test_block_map_and_bitmaps_together(tmp_path: Path) -> None:
    """What a block map lists is written even where free, as its checksums cover it."""
    files = make_files([3_000_000, 3_000_000, 3_000_000], seed=5)
    make_ext(tmp_path / "part", "-t ext4", 40 * MIB, files, gone=["f001.bin"])
    (place,) = make_disk(tmp_path / "disk", [tmp_path / "part"])
    write_bmap(tmp_path / "bmap", tmp_path / "disk")
    bmap = read_bmap(tmp_path / "bmap")
    with (tmp_path / "disk").open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        alone, both = map_raw(file.fileno(), size), map_raw(file.fileno(), size, bmap)
    deleted = subtract(both.data, alone.data)
    assert 2 * MIB < total_bytes(deleted) < 3 * MIB
    assert both.checks == bmap.checks
    assert subtract(bmap.mapped, both.data) == ()
    inside = Range(place.start + MIB, place.end - MIB)
    assert intersect(both.unread, both.data) == ()
    assert total_bytes(intersect(both.unread, [inside])) > 15 * MIB


Make = Callable[[Path, str, int, dict[str, bytes], Sequence[str]], None]
Read = Callable[[Path, Sequence[str]], dict[str, bytes]]


def _check_survival(
    make: Make,
    read: Read,
    options: str,
    size_mib: int,
    file_sizes: list[int],
    data: st.DataObject,
) -> None:
    files = make_files(file_sizes, seed=len(file_sizes))
    gone = data.draw(st.lists(st.sampled_from(sorted(files)), unique=True)) if files else []
    with TemporaryDirectory() as folder:
        part, disk = Path(folder, "part"), Path(folder, "disk")
        make(part, options, size_mib * MIB, files, gone)
        left = [name for name in files if name not in gone]
        before = read(part, left)  # a tool may have its own view of what a tiny file holds
        (place,) = make_disk(disk, [part])
        known, streamed = _map(disk), _stream(disk, data.draw(_PIECES))
        _check_agreement(disk, known, streamed)
        _write_as_mapped(disk, data.draw(st.sampled_from([known, streamed])))
        _cut_out(disk, place, part)
        assert read(part, left) == before


def _map(disk: Path) -> Mapping:
    with disk.open("rb") as file:
        return map_raw(file.fileno(), disk.stat().st_size)


def _stream(disk: Path, piece_bytes: int) -> Mapping:
    observer = MapObserver()
    whole = disk.read_bytes()
    for start in range(0, len(whole), piece_bytes):
        observer.feed(start, memoryview(whole)[start : start + piece_bytes])
    return observer.finish(len(whole))


def _check_agreement(disk: Path, known: Mapping, streamed: Mapping) -> None:
    """Whether a disk is looked into or passes by makes a difference for stored zeros only."""
    whole = disk.read_bytes()
    for one in (*_zeros(known), *_zeros(streamed)):
        assert not any(whole[one.start : one.end])
    assert intersect(known.unread, _zeros(streamed)) == ()
    assert intersect(streamed.unread, _zeros(known)) == ()
    widened = merge(align(known.data, 64 * KIB, len(whole)), gap_bytes=GAP_BYTES)
    assert subtract(streamed.data, widened) == ()


def _zeros(mapping: Mapping) -> tuple[Range, ...]:
    return subtract([Range(0, mapping.size_bytes)], [*mapping.data, *mapping.unread])


def _write_as_mapped(disk: Path, mapping: Mapping) -> None:
    """Make of a disk image what a card full of old data would be after its writing."""
    with disk.open("r+b") as file:
        for ranges, fill in ((_zeros(mapping), b"\0"), (mapping.unread, _STALE)):
            for one in ranges:
                file.seek(one.start)
                file.write(fill * one.size_bytes)


def _cut_out(disk: Path, place: Range, part: Path) -> None:
    with disk.open("rb") as file:
        file.seek(place.start)
        part.write_bytes(file.read(place.size_bytes))
