# SPDX-License-Identifier: Apache-2.0
"""The image that every tool writes: a GPT disk with a little FAT and a well-filled ext4.

Made once in the cache; its content is always the same. Half of it is noise and half is text, so
that it packs about as well as the system images people flash.
"""

import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from edge.paths import cache_dir
from edge.units import KIB, MIB
from flasher.map import map_raw
from flasher.table import Table, add_partition, stable_guid, write_table
from flasher.table.gpt import EFI_SYSTEM, LINUX_DATA

FORMATS = ("raw", "xz", "xz-blocks", "zst", "gz")
_EDITION = 1  # another number makes it again
_FAT_SHARE, _EXT4_SHARE = 0.13, 0.60
_PACKERS = {
    "xz": ("xz", "--threads=1", "-1", "--keep", "--stdout"),
    "xz-blocks": ("xz", "--threads=2", "-1", "--block-size=16MiB", "--keep", "--stdout"),
    "zst": ("zstd", "-3", "--quiet", "--stdout"),
    "gz": ("gzip", "-6", "--keep", "--stdout"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchImage:
    """The image in every format, and what its block map says."""

    folder: Path
    size_bytes: int
    mapped: tuple[tuple[int, int], ...]
    """Start and size of what has to be written, in bytes."""

    @property
    def mapped_bytes(self) -> int:
        """Return how much has to be written."""
        return sum(size for _, size in self.mapped)

    @property
    def bmap(self) -> Path:
        """The block map beside the image."""
        return self.folder / "image.img.bmap"

    def file(self, form: str) -> Path:
        """Return the image in `form`; each has the block map beside it."""
        if form == "xz-blocks":
            return self.folder / "blocks/image.img.xz"
        return self.folder / ("image.img" if form == "raw" else f"image.img.{form}")


def bench_image(scale: str, formats: tuple[str, ...]) -> BenchImage:
    """Return the image of `scale`, "full" or "small", made if it is not in the cache."""
    folder = cache_dir() / f"bench/flash-{scale}-{_EDITION}"
    size_bytes = (2048 if scale == "full" else 512) * MIB
    (folder / "blocks").mkdir(parents=True, exist_ok=True)
    raw, bmap = folder / "image.img", folder / "image.img.bmap"
    _once(raw, lambda part: _make_raw(part, size_bytes))
    _once(bmap, lambda part: _run("bmaptool", "create", "-o", part, raw))
    image = BenchImage(folder=folder, size_bytes=size_bytes, mapped=read_map(bmap))
    _once(folder / "blocks/image.img.bmap", lambda part: shutil.copyfile(bmap, part))
    for form in formats:
        if form != "raw":
            _once(image.file(form), partial(_pack, form, raw))
    return image


def dense_image(scale: str) -> BenchImage:
    """Return an image without a hole, of half the size; it is there as "raw" alone."""
    folder = cache_dir() / f"bench/flash-{scale}-dense-{_EDITION}"
    folder.mkdir(parents=True, exist_ok=True)
    size_bytes = (1024 if scale == "full" else 256) * MIB
    _once(folder / "image.img", lambda part: _make_dense(part, size_bytes))
    return BenchImage(folder=folder, size_bytes=size_bytes, mapped=((0, size_bytes),))


def large_image(scale: str) -> BenchImage:
    """Return an image four times the size without a block map; it is there as "raw" alone.

    Without one, what its file systems call free need not be written, and counts as unmapped.
    """
    folder = cache_dir() / f"bench/flash-{scale}-large-{_EDITION}"
    folder.mkdir(parents=True, exist_ok=True)
    size_bytes = (8192 if scale == "full" else 2048) * MIB
    raw = folder / "image.img"
    _once(raw, lambda part: _make_raw(part, size_bytes))
    with raw.open("rb") as file:
        used = map_raw(file.fileno(), size_bytes).data
    mapped = tuple((one.start, one.size_bytes) for one in used)
    return BenchImage(folder=folder, size_bytes=size_bytes, mapped=mapped)


def read_map(bmap: Path) -> tuple[tuple[int, int], ...]:
    """Return start and size in bytes of what a block map says is mapped."""
    root = ET.parse(bmap).getroot()
    block, size = (int((root.findtext(name) or "0").strip()) for name in ("BlockSize", "ImageSize"))
    found = []
    for element in root.iter("Range"):
        first, _, last = (element.text or "").strip().partition("-")
        start, end = int(first) * block, (int(last or first) + 1) * block
        found.append((start, min(end, size) - start))
    return tuple(found)


def _once(path: Path, make: Callable[[Path], object]) -> None:
    if not path.exists():
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        make(part)
        part.rename(path)


def _pack(form: str, raw: Path, part: Path) -> None:
    with part.open("wb") as packed:
        subprocess.run([*_PACKERS[form], raw], stdout=packed, check=True)


def _make_raw(path: Path, size_bytes: int) -> None:
    table = Table(kind="gpt", disk_id=stable_guid("bench"), size_bytes=size_bytes)
    table = add_partition(table, type=EFI_SYSTEM, size_bytes=size_bytes // 4, label="BOOTFAT")
    rest = size_bytes - size_bytes // 4 - 4 * MIB
    table = add_partition(table, type=LINUX_DATA, size_bytes=rest, label="rootfs")
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        parts = _make_fat(Path(name), size_bytes // 4), _make_ext4(Path(name), rest)
        with path.open("w+b") as disk:
            disk.truncate(size_bytes)
            write_table(disk, table)
        for part, place in zip(parts, table.partitions, strict=True):
            seek = f"seek={place.start_bytes // MIB}"
            _run("dd", f"if={part}", f"of={path}", "bs=1M", seek, "conv=notrunc,sparse")


def _make_fat(folder: Path, size_bytes: int) -> Path:
    path = folder / "fat"
    with path.open("wb") as file:
        file.truncate(size_bytes)
    _run("mkfs.vfat", "-F", "32", "-i", "edcec7e1", "-n", "BOOTFAT", path)
    files = _fill(folder / "boot", int(size_bytes * _FAT_SHARE), seed=1)
    _run("mcopy", "-s", "-m", "-i", path, *sorted(files.iterdir()), "::")
    return path


def _make_ext4(folder: Path, size_bytes: int) -> Path:
    path = folder / "ext4"
    files = _fill(folder / "root", int(size_bytes * _EXT4_SHARE), seed=2)
    options = f"hash_seed={stable_guid('bench seed')}"
    _run("mke2fs", "-q", "-t", "ext4", "-E", options, "-d", files, path, f"{size_bytes // KIB}k")
    return path


def _fill(folder: Path, size_bytes: int, *, seed: int) -> Path:
    """Put files of a few sizes into `folder`, `size_bytes` in all."""
    folder.mkdir()
    noise, left, number = random.Random(seed), size_bytes, 0
    words = [noise.randbytes(noise.randint(2, 9)).hex().encode() for _ in range(4000)]
    while left > 0:
        size = min(left, noise.choice((64 * KIB, 700 * KIB, 3 * MIB, 11 * MIB)))
        (folder / f"file-{number:04}.bin").write_bytes(_content(noise, words, size))
        left, number = left - size, number + 1
    return folder


def _content(noise: random.Random, words: list[bytes], size: int) -> bytes:
    text = b" ".join(noise.choices(words, k=size // 24 + 1))[: size // 2]
    return text + noise.randbytes(size - len(text))


def _make_dense(path: Path, size_bytes: int) -> None:
    """Write a table and one partition full of noise."""
    table = Table(kind="gpt", disk_id=stable_guid("dense"), size_bytes=size_bytes)
    table = add_partition(table, type=LINUX_DATA, size_bytes=size_bytes - 4 * MIB, label="data")
    noise = random.Random(3)
    with path.open("w+b") as disk:
        for _ in range(size_bytes // MIB):
            disk.write(noise.randbytes(MIB))
        write_table(disk, table)


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
