# SPDX-License-Identifier: Apache-2.0
"""Cards full of old data are flashed by maps, and their file systems are whole afterwards."""

import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.units import MIB
from flasher.map import write_bmap
from flasher.plan import prepare
from flasher.ranges import Range
from flasher.record import CardRecords
from flasher.write import flash
from tests.integration.flash.conftest import AttachLoop
from tests.integration.flash.file_systems import (
    make_disk,
    make_ext,
    make_fat,
    make_files,
    read_ext,
    read_fat,
)

_FILES = make_files([0, 1, 5_000, 400_000, 3_000_000, 1_000_000, 2_500_000, 700_000], seed=8)
_GONE = ("f004.bin", "f006.bin")
_LEFT = [name for name in _FILES if name not in _GONE]
_KEPT = {name: _FILES[name] for name in _LEFT}


class Disk:
    """An image with a FAT and an ext4 file system, from both of which files were deleted."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "disk.img"
        fat, ext = folder / "fat", folder / "ext"
        make_fat(fat, "-F 32 -s 1", 36 * MIB, _FILES, _GONE)
        make_ext(ext, "-t ext4", 64 * MIB, _FILES, _GONE)
        self.fat, self.ext = make_disk(self.path, [fat, ext])

    def check(self, card: Path, folder: Path) -> None:
        """Have both file systems on `card` checked, and compare their files."""
        for place, read in ((self.fat, read_fat), (self.ext, read_ext)):
            part = folder / "cut"
            part.write_bytes(_cut(card, place))
            assert read(part, _LEFT) == _KEPT


def _cut(card: Path, place: Range) -> bytes:
    with card.open("rb") as file:
        file.seek(place.start)
        return file.read(place.size_bytes)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("disk"))


def _raw(disk: Disk, folder: Path) -> Path:
    return disk.path


def _raw_bmap(disk: Disk, folder: Path) -> Path:
    image = folder / "disk.img"
    image.hardlink_to(disk.path)
    write_bmap(folder / "disk.bmap", disk.path)
    return image


def _xz(disk: Disk, folder: Path) -> Path:
    image = folder / "disk.img.xz"
    image.write_bytes(lzma.compress(disk.path.read_bytes(), preset=0))
    return image


def _xz_bmap(disk: Disk, folder: Path) -> Path:
    write_bmap(folder / "disk.img.bmap", disk.path)
    return _xz(disk, folder)


@pytest.mark.parametrize("pack", [_raw, _raw_bmap, _xz, _xz_bmap])
def test_file_systems_are_whole(
    pack: Callable[[Disk, Path], Path],
    disk: Disk,
    attach_loop: AttachLoop,
    tmp_path: Path,
    own_records: Path,
) -> None:
    """However an image is packed and mapped, all its files are on the card, and little else."""
    card = attach_loop(160 * MIB)
    plan = prepare(pack(disk, tmp_path), card)
    assert bool(plan.request.image.checks) == (pack in (_raw_bmap, _xz_bmap))
    report = flash(plan, records=CardRecords(own_records))
    disk.check(card, tmp_path)
    assert report.written_bytes < 60 * MIB
    assert b"\xa5" * MIB in _cut(card, disk.ext)
