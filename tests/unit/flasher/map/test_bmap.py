# SPDX-License-Identifier: Apache-2.0
"""Block maps are read when they are sound, and refused in one line when not."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ImageError
from flasher.map import Bmap, RangeCheck, parse_bmap, read_bmap, write_bmap
from flasher.ranges import Range, merge

_ONE, _TWO = "1" * 64, "2" * 64
_RANGES = f'<Range chksum="{_ONE}"> 0-1 </Range><Range chksum="{_TWO}">5</Range>'


def _document(
    ranges: str = _RANGES,
    *,
    version: str = "2.0",
    size: int | str = 21_000,
    blocks: int | str = 6,
    mapped: int | str = 3,
    kind: str = "sha256",
    tag: str = "BmapFileChecksum",
    before: str = "",
) -> bytes:
    """Return a block map that matches its own checksum."""
    zeros = "0" * (40 if kind == "sha1" else 64)
    text = (
        f'<?xml version="1.0" ?>\n{before}<bmap version="{version}">\n'
        f"<ImageSize> {size} </ImageSize> <BlockSize> 4096 </BlockSize>\n"
        f"<BlocksCount> {blocks} </BlocksCount><MappedBlocksCount>{mapped}</MappedBlocksCount>\n"
        f"<ChecksumType> {kind} </ChecksumType><{tag}> {zeros} </{tag}>\n"
        f"<BlockMap>{ranges}</BlockMap></bmap>\n"
    )
    algorithm = "sha1" if kind == "sha1" else "sha256"
    return text.replace(zeros, hashlib.new(algorithm, text.encode()).hexdigest(), 1).encode()


def test_version_2() -> None:
    """Ranges, single blocks, the image's odd end and checksums are understood."""
    assert parse_bmap(_document(), "x.bmap") == Bmap(
        name="x.bmap",
        size_bytes=21_000,
        mapped=(Range(0, 8192), Range(20_480, 21_000)),
        checks=(
            RangeCheck(range=Range(0, 8192), digest=_ONE),
            RangeCheck(range=Range(20_480, 21_000), digest=_TWO),
        ),
    )


def test_version_1_3_has_sha1() -> None:
    """Older maps carry SHA-1 in attributes and an element of other names."""
    digest = "a" * 40
    data = _document(
        f'<Range sha1="{digest.upper()}"> 0-2 </Range>',
        version="1.3",
        kind="sha1",
        tag="BmapFileSHA1",
    )
    check = RangeCheck(range=Range(0, 12_288), digest=digest, algorithm="sha1")
    assert parse_bmap(data, "x").checks == (check,)


def test_version_1_4_is_2() -> None:
    """The version that was issued by mistake means the same as 2.0."""
    assert parse_bmap(_document(version="1.4"), "x") == parse_bmap(_document(), "x")


def test_version_1_2_has_no_checksums() -> None:
    """The oldest maps have ranges and nothing to check."""
    data = _document("<Range> 0-2 </Range>", version="1.2", tag="Nothing")
    found = parse_bmap(data, "x")
    assert (found.mapped, found.checks) == ((Range(0, 12_288),), ())


def test_ranges_without_checksums() -> None:
    """A map may leave out the checksums of its ranges."""
    assert parse_bmap(_document("<Range> 1-3 </Range>"), "x").checks == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is no block map: "),
        (b"PK\x03\x04", "is no block map: "),
        (b'<?xml version="1.0" encoding="no-such"?><bmap/>', "is no block map: "),
        (b"<svg/>", "of another kind, <svg>"),
        (_document(version="2.0.1"), "its version is 2.0.1"),
        (_document(version="3.0"), "its version is 3.0"),
        (_document(version="1.1"), "its version is 1.1"),
        (_document(kind="md5"), "its checksums are md5"),
        (_document(size="-5"), "its ImageSize is '-5'"),
        (_document(size="٣"), "its ImageSize is"),
        (_document(size=10**20), "its ImageSize is"),
        (_document(blocks=7), "its number of blocks"),
        (_document(mapped=4), "its number of mapped blocks"),
        (_document("<Range> 1-0 </Range>"), "its range 1-0 is out of order"),
        (_document("<Range> 0-2 </Range><Range> 2-3 </Range>"), "its range 2-3 is out of order"),
        (_document("<Range> 6 </Range>"), "its range 6-6 is out of order"),
        (_document("<Range> all </Range>"), "it has a range 'all'"),
        (_document("<Range/>"), "it has a range ''"),
        (_document('<Range chksum="beef"> 0-2 </Range>'), "it has a checksum 'beef'"),
        (_document().replace(b"0-1", b"0-2"), "it does not match its own checksum"),
        (_document(tag="Other"), "it has a checksum ''"),
        (_document(before="<!DOCTYPE bmap>"), "it declares a document type"),
    ],
)
def test_unsound_maps_are_refused(data: bytes, reason: str) -> None:
    """What contradicts itself or cannot be read is named with the reason and a way on."""
    with pytest.raises(ImageError) as caught:
        parse_bmap(data, "some.bmap")
    assert caught.value.message.startswith("some.bmap is no block map")
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_range_past_the_end_in_blocks() -> None:
    """A range that claims more blocks than there are does not add up."""
    with pytest.raises(ImageError, match="mapped blocks"):
        parse_bmap(_document("<Range> 4-9 </Range>", mapped=6), "x")


def test_entities_are_not_expanded() -> None:
    """A map that would grow to gigabytes when its entities are expanded is refused at once."""
    laughs = "".join(f'<!ENTITY l{index} "{f"&l{index - 1};" * 10}">' for index in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY l0 "ha">{laughs}]><bmap>&l11;</bmap>'
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(ImageError, match="declares a document type"):
            parse_bmap(bomb.encode(encoding), "x")


@given(st.binary(max_size=200), st.integers(0, 700))
def test_any_damage_is_an_image_error(junk: bytes, at: int) -> None:
    """Whatever bytes are put into a map, it is read as it was or refused, and nothing else."""
    data = _document()
    broken = data[:at] + junk + data[at + len(junk) :]
    try:
        found = parse_bmap(broken, "x")
    except ImageError:
        return
    assert found == parse_bmap(data, "x")


@given(
    st.integers(1, 60_000), st.lists(st.tuples(st.integers(0, 14), st.integers(1, 4)), max_size=5)
)
def test_written_maps_read_back(size: int, blocks: list[tuple[int, int]]) -> None:
    """A map that was written says the same when it is read, and its checksums are right."""
    data = bytes(index % 251 for index in range(size))
    wished = [Range(first * 4096, (first + count) * 4096) for first, count in blocks]
    with TemporaryDirectory() as folder:
        image, path = Path(folder, "disk"), Path(folder, "map")
        image.write_bytes(data)
        write_bmap(path, image, wished)
        found = read_bmap(path)
    assert found.size_bytes == size
    assert found.mapped == merge(
        Range(one.start, min(one.end, size)) for one in wished if one.start < size
    )
    assert [check.digest for check in found.checks] == [
        hashlib.sha256(data[one.start : one.end]).hexdigest() for one in found.mapped
    ]


def test_missing_and_huge_maps(tmp_path: Path) -> None:
    """A map that is not there, or cannot be one by its size, is an error of the image."""
    with pytest.raises(ImageError, match=r"cannot read the block map .*no such file"):
        read_bmap(tmp_path / "none.bmap")
    with (tmp_path / "huge.bmap").open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(ImageError, match="too large for a block map"):
        read_bmap(tmp_path / "huge.bmap")
