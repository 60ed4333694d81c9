# SPDX-License-Identifier: Apache-2.0
"""An image's digest is learnt on the way, whatever of it the cards want."""

import gzip
import hashlib
import lzma
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ImageError
from edge.events import ignore
from flasher.plan.content import lay_out
from flasher.source import Image, read_stamp, scan_image
from flasher.write.feed import Feed
from flasher.write.job import Job, write_card
from flasher.write.learn import DigestLearner, HashingReader
from tests.fakes.image import MIB, make_image
from tests.fakes.medium import FakeMedium


class Bytes:
    """A reader of some bytes that may only be read forwards."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def read_at(self, offset: int, into: memoryview) -> None:
        assert offset >= self.position
        into[:] = self.data[offset : offset + len(into)]
        self.position = offset + len(into)


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_gaps_are_hashed_as_well(data: bytes, cuts: list[int]) -> None:
    """Whatever ranges are asked for, the digest is that of everything."""
    edges = sorted({min(cut, len(data)) for cut in cuts})
    reader = HashingReader(Bytes(data), len(data), Event())
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        found = bytearray(end - start)
        reader.read_at(start, memoryview(found))
        assert found == data[start:end]
    assert reader.finish() == hashlib.sha256(data).hexdigest()


def test_raw_image_is_read_on_the_side(tmp_path: Path) -> None:
    """Nobody else reads its holes."""
    path = make_image(tmp_path / "i.img")
    image = replace(scan_image(path), sha256="")
    learner = DigestLearner(image, Event())
    assert not learner.listens
    assert learner.wait(0) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_known_digest_is_not_learnt(tmp_path: Path) -> None:
    """What was read beforehand is taken as it is."""
    image = scan_image(make_image(tmp_path / "i.img"))
    assert DigestLearner(image, Event()).wait(0) == image.sha256


def _pack(folder: Path) -> tuple[Path, bytes]:
    raw = make_image(folder / "i.img").read_bytes()
    packed = folder / "i.img.xz"
    packed.write_bytes(lzma.compress(raw, preset=0))
    return packed, raw


def _write(image: Image, medium: FakeMedium) -> Feed:
    feed = Feed(image, 1, chunk_bytes=MIB, stopping=Event())
    content = lay_out(image, medium.size_bytes)
    job = Job(medium=medium, content=content, feed=feed, listener=ignore, stopping=Event())
    write_card(replace(job, is_probed=False))
    return feed


def test_packed_image_is_hashed_while_it_is_written(tmp_path: Path) -> None:
    """The stream that feeds the cards knows the digest at its end."""
    packed, raw = _pack(tmp_path)
    image = replace(scan_image(packed), sha256="")
    feed = _write(image, FakeMedium(32 * MIB))
    assert feed.learner.wait(0) == hashlib.sha256(raw).hexdigest()


def test_packed_image_is_proven_to_its_end_before_the_head(tmp_path: Path) -> None:
    """Damage behind the last byte that any card wants still keeps the card from booting."""
    raw = make_image(tmp_path / "i.img").read_bytes()
    packed = tmp_path / "i.img.gz"
    packed.write_bytes(gzip.compress(raw))
    image = replace(scan_image(packed), sha256="")
    packed.write_bytes(packed.read_bytes()[:-8] + bytes(8))  # its trailing checksum and size
    image = replace(image, stamp=read_stamp(packed))
    medium = FakeMedium(32 * MIB)
    with pytest.raises(ImageError):
        _write(image, medium)
    assert not any(medium.bytes[:MIB])
