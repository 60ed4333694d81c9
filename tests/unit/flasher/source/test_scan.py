# SPDX-License-Identifier: Apache-2.0
"""Reading images: formats by content, holes, and what is refused."""

import gzip
import hashlib
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from edge.errors import ImageError
from flasher.plan.content import read_image_table
from flasher.ranges import Range
from flasher.source import open_image, scan_image
from tests.fakes.image import MIB, make_image


def _zst(data: bytes) -> bytes:
    # The command-line tool adds a checksum too.
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": _zst,
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_image(tmp_path / "image.raw")


def test_raw_image_is_hashed_whole(raw: Path) -> None:
    """The hash covers holes too, so it is what sha256sum prints."""
    image = scan_image(raw)
    assert image.sha256 == hashlib.sha256(raw.read_bytes()).hexdigest()
    assert image.size_bytes == 16 * MIB
    assert image.head == raw.read_bytes()[:MIB]


def test_everything_outside_the_ranges_is_zero(raw: Path) -> None:
    """What is not listed as data needs no writing because it is zero."""
    image, content = scan_image(raw), bytearray(raw.read_bytes())
    for one in image.data:
        content[one.start : one.end] = bytes(one.size_bytes)
    assert not any(content)


def test_large_holes_are_not_data(raw: Path) -> None:
    """A gap of more than a MiB stays out of what is written."""
    assert Range(6 * MIB, 8 * MIB) not in scan_image(raw).data
    assert not any(one.start < 7 * MIB < one.end for one in scan_image(raw).data)


@pytest.mark.parametrize("kind", PACKERS)
def test_compressed_image_is_the_same_image(raw: Path, tmp_path: Path, kind: str) -> None:
    """Format follows from the content, whatever the name, and facts are those of the raw file."""
    packed = tmp_path / "image.bin"
    packed.write_bytes(PACKERS[kind](raw.read_bytes()))
    image, plain = scan_image(packed), scan_image(raw)
    assert image.format == kind
    assert (image.sha256, image.head) == (plain.sha256, plain.head)
    assert len(image.data) == len(plain.data)


@pytest.mark.parametrize("kind", PACKERS)
def test_compressed_image_streams_forwards(raw: Path, tmp_path: Path, kind: str) -> None:
    """Ranges are read in order, skipping what lies between."""
    packed = tmp_path / "image.bin"
    packed.write_bytes(PACKERS[kind](raw.read_bytes()))
    found = bytearray(1000)
    with open_image(scan_image(packed)) as reader:
        for offset in (100, 5 * MIB, 9 * MIB + 1):
            reader.read_at(offset, memoryview(found))
            assert found == raw.read_bytes()[offset : offset + 1000]


@pytest.mark.parametrize("kind", PACKERS)
def test_truncated_compression_is_refused(raw: Path, tmp_path: Path, kind: str) -> None:
    """A download that stopped early is found before a card is touched."""
    packed = PACKERS[kind](raw.read_bytes())
    path = tmp_path / "image.bin"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(ImageError, match=r"truncated|damaged"):
        scan_image(path)


@pytest.mark.parametrize("kind", PACKERS)
def test_damaged_compression_is_refused(raw: Path, tmp_path: Path, kind: str) -> None:
    """A flipped byte inside the compressed data is an error and not a wrong card."""
    packed = bytearray(PACKERS[kind](raw.read_bytes()))
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "image.bin"
    path.write_bytes(packed)
    with pytest.raises(ImageError):
        read_image_table(scan_image(path))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"PK\x03\x04" + bytes(100), "damaged"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "7z archive"),
        (b"BZh91AY&SY" + bytes(100), "truncated"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"", "is empty"),
        (b"hello" * 1000, "no partition table"),
        (b"a", "no partition table"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, match: str) -> None:
    """Nothing is ever written as it is merely because nobody recognised it."""
    path = tmp_path / "image.img"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=match):
        scan_image(path)


@pytest.mark.parametrize("magic", [b"KDMV", b"# Disk Desc", b"conectix", b"vhdxfile"])
def test_disks_of_other_hypervisors_can_be_converted(tmp_path: Path, magic: bytes) -> None:
    """They are no archives, so unpacking them is no advice."""
    path = tmp_path / "disk"
    path.write_bytes(magic + bytes(1000))
    with pytest.raises(ImageError, match="disk image, which cannot be written") as caught:
        scan_image(path)
    assert caught.value.hint == "convert it: qemu-img convert -O raw OLD NEW"


def test_missing_image_is_named(tmp_path: Path) -> None:
    """A typing error is answered with the path."""
    with pytest.raises(ImageError, match=r"there is no image .*nothing\.img"):
        scan_image(tmp_path / "nothing.img")


def test_truncated_raw_image_is_refused(raw: Path) -> None:
    """A raw image shorter than its own partitions was not copied whole."""
    with raw.open("r+b") as file:
        file.truncate(12 * MIB)
    with pytest.raises(ImageError, match="truncated"):
        read_image_table(scan_image(raw))
