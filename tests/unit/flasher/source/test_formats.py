# SPDX-License-Identifier: Apache-2.0
"""Every way of packing leads to the same bytes, and no way of cutting them short does."""

import hashlib
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import ImageError
from flasher.source import Image, open_image, scan_image
from tests.fakes.image import MIB, make_image
from tests.fakes.packing import PACKERS, run, tarred, zipped

_CALM = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    data = bytearray(make_image(tmp_path_factory.mktemp("raw") / "image.raw").read_bytes())
    for start, end in ((1, 5), (5, 8), (8, 15)):  # noise takes long to pack
        data[start * MIB + 200_000 : end * MIB] = bytes((end - start) * MIB - 200_000)
    return bytes(data)


@pytest.fixture(scope="module")
def packed(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packed")
    paths = {}
    for number, (name, (_, pack)) in enumerate(PACKERS.items()):
        paths[name] = folder / f"{number}.bin"
        paths[name].write_bytes(pack(content))
    return paths


@pytest.mark.parametrize("name", PACKERS)
def test_what_is_packed_is_the_same_image(
    content: bytes, packed: dict[str, Path], name: str
) -> None:
    """Format follows from the content, and the facts are those of the unpacked image."""
    image = scan_image(packed[name])
    assert image.format == PACKERS[name][0]
    assert image.size_bytes == len(content)
    assert image.sha256 == hashlib.sha256(content).hexdigest()
    assert image.head == content[:MIB]


@pytest.mark.parametrize("name", PACKERS)
@given(cuts=st.lists(st.integers(0, 16 * MIB), max_size=8))
@_CALM
def test_any_split_of_reads_gives_the_same_bytes(
    content: bytes, packed: dict[str, Path], name: str, cuts: list[int]
) -> None:
    """Where reads begin and end changes nothing, nor do gaps between them."""
    image = _scanned(packed[name])
    edges = sorted({0, len(content), *cuts})
    with open_image(image) as reader:
        for number, (start, end) in enumerate(pairwise(edges)):
            if number % 3 == 1:
                continue
            found = bytearray(end - start)
            reader.read_at(start, memoryview(found))
            assert found == content[start:end]


@pytest.mark.parametrize("name", PACKERS)
@given(share=st.floats(0, 1, exclude_max=True))
@_CALM
def test_whatever_is_cut_short_is_refused(
    packed: dict[str, Path], tmp_path: Path, name: str, share: float
) -> None:
    """A download that stopped early is found before a card is touched, wherever it stopped."""
    whole = packed[name].read_bytes()
    path = tmp_path / "image.bin"
    path.write_bytes(whole[: int(_needed(name, whole) * share)])
    with pytest.raises(ImageError):
        scan_image(path)


@pytest.mark.parametrize("name", PACKERS)
def test_the_last_byte_counts(packed: dict[str, Path], tmp_path: Path, name: str) -> None:
    """A file that lacks but one byte is refused."""
    whole = packed[name].read_bytes()
    path = tmp_path / "image.bin"
    path.write_bytes(whole[: _needed(name, whole) - 1])
    with pytest.raises(ImageError):
        scan_image(path)


@pytest.mark.parametrize("name", [name for name in PACKERS if "tar" not in name])
def test_garbage_behind_the_end_is_refused(
    packed: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """What follows the last stream is neither ignored nor written."""
    path = tmp_path / "image.bin"
    path.write_bytes(packed[name].read_bytes() + b"garbage")
    with pytest.raises(ImageError):
        scan_image(path)


def test_what_is_appended_to_gz_is_named(packed: dict[str, Path], tmp_path: Path) -> None:
    """Some publishers append notes for their own tools; the hint says what to do."""
    path = tmp_path / "image.bin"
    path.write_bytes(packed["gz"].read_bytes() + b"{}")
    with pytest.raises(ImageError, match="something else behind") as caught:
        scan_image(path)
    assert "unpack it" in (caught.value.hint or "")


@pytest.mark.parametrize("name", [name for name in PACKERS if PACKERS[name][0] != "tar:raw"])
def test_a_flipped_byte_is_refused(packed: dict[str, Path], tmp_path: Path, name: str) -> None:
    """Every format but plain tar has a checksum that finds a changed byte in the data."""
    whole = bytearray(packed[name].read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path = tmp_path / "image.bin"
    path.write_bytes(whole)
    with pytest.raises(ImageError):
        scan_image(path)


@pytest.mark.parametrize("name", ["xz of many blocks", "bz2", "bz2 of two streams"])
def test_one_processor_needs_no_program(
    content: bytes, packed: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a program would be no faster, or is missing, the same bytes come without it."""
    monkeypatch.setattr("flasher.source.child.processors", lambda: 1)
    image = scan_image(packed[name])
    assert image.sha256 == hashlib.sha256(content).hexdigest()
    found = bytearray(1000)
    with open_image(image) as reader:
        reader.read_at(9 * MIB - 500, memoryview(found))
    assert found == content[9 * MIB - 500 : 9 * MIB + 500]


def test_sparse_tar_is_expanded(content: bytes, tmp_path: Path) -> None:
    """GNU tar stores only the pieces of a sparse image; all of its layouts are understood."""
    raw = tmp_path / "disk.raw"
    with raw.open("wb") as file:
        for start in range(0, len(content), MIB):
            file.seek(start)
            file.write(content[start : start + MIB].rstrip(b"\0"))
        file.truncate(len(content))
    for form in ("gnu", "oldgnu", "posix"):
        packed = tmp_path / f"{form}.tar.gz"
        packed.write_bytes(run("tar", "-C", tmp_path, f"--format={form}", "-Sczf", "-", raw.name))
        image = scan_image(packed)
        assert image.sha256 == hashlib.sha256(content).hexdigest()
        found = bytearray(1000)
        with open_image(image) as reader:
            for offset in (100, 5 * MIB, 9 * MIB + 1):
                reader.read_at(offset, memoryview(found))
                assert found == content[offset : offset + 1000]


def test_large_zip_is_read(content: bytes, tmp_path: Path) -> None:
    """Archives with 64-bit sizes are no different."""
    packed = tmp_path / "image.zip"
    run("zip", "-1", "-fz", packed, "-", data=content)
    assert scan_image(packed).sha256 == hashlib.sha256(content).hexdigest()


def test_first_image_of_a_zip_is_taken(content: bytes, tmp_path: Path) -> None:
    """What is no image before it is passed over."""
    packed = tmp_path / "image.zip"
    packed.write_bytes(zipped(("a.txt", b"no image"), ("b.img", content), ("c.img", content)))
    member = scan_image(packed).layers[0].member
    assert member is not None
    assert member.name == "b.img"


def test_two_images_in_a_tar_are_listed(content: bytes, tmp_path: Path) -> None:
    """Nobody guesses which of two disks is meant."""
    packed = tmp_path / "image.tar"
    packed.write_bytes(tarred(("a.img", content), ("b.img", content)))
    with pytest.raises(ImageError, match=r"a\.img, b\.img"):
        scan_image(packed)


@pytest.mark.parametrize("name", ["tar", "tar.gz", "zip", "xz", "gz", "zst", "bz2"])
def test_no_image_inside_is_refused(tmp_path: Path, name: str) -> None:
    """What unpacks to something else than a disk is never written."""
    path = tmp_path / "image.bin"
    path.write_bytes(PACKERS[name][1](b"hello" * 10000))
    with pytest.raises(ImageError, match="disk image"):
        scan_image(path)


@cache
def _scanned(path: Path) -> Image:
    return scan_image(path)


def _needed(name: str, whole: bytes) -> int:
    """Return how much of a file must be there; a tar archive is padded behind its end mark."""
    if PACKERS[name][0].startswith("tar:"):
        return len(whole.rstrip(b"\0")) // 512 * 512 + 512
    if name == "gz with padding":
        return len(whole) - 700
    return len(whole)
