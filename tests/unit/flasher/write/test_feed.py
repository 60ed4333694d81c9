# SPDX-License-Identifier: Apache-2.0
"""Cards that follow one stream, and those that cannot keep up with it."""

import gzip
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from edge.errors import ImageError
from edge.events import ignore
from flasher.plan.content import Content, lay_out
from flasher.ranges import Range, merge
from flasher.source import Image, RangeCheck, scan_image
from flasher.write.card import StoppedError
from flasher.write.checking import FileChecks
from flasher.write.feed import Feed
from flasher.write.intake import Intake
from flasher.write.job import Job, write_card
from flasher.write.ring import Ring
from flasher.write.stream import Stream
from tests.fakes.image import MIB, make_image
from tests.fakes.medium import FakeMedium
from tests.unit.flasher.plan.test_content import render

CARD = 32 * MIB
CHUNK = MIB // 4  # the ring of 16 is smaller than the image's data
_PATIENCE_S = 60


class Run:
    """One card in a thread of its own."""

    def __init__(self, medium: FakeMedium, content: Content, feed: Feed, stopping: Event) -> None:
        self.medium, self.content = medium, content
        self.error: BaseException | None = None
        self._job = Job(
            medium=medium,
            content=content,
            feed=feed,
            listener=ignore,
            stopping=stopping,
            is_probed=False,
        )
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        try:
            write_card(self._job)
        except BaseException as error:
            self.error = error

    def is_over(self) -> bool:
        self._thread.join(_PATIENCE_S)
        return not self._thread.is_alive()

    def is_right(self) -> bool:
        expected = render(self.content, CARD)
        parts = (*self.content.data, *self.content.zeros)
        return all(
            self.medium.bytes[one.start : one.end] == expected[one.start : one.end] for one in parts
        )


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return lay_out(scan_image(make_image(tmp_path / "i.img")), CARD)


def _runs(content: Content, count: int, stopping: Event | None = None) -> list[Run]:
    stopping = stopping or Event()
    feed = Feed(content.image, count, chunk_bytes=CHUNK, stopping=stopping)
    return [Run(FakeMedium(CARD), content, feed, stopping) for _ in range(count)]


def test_all_cards_get_everything(content: Content) -> None:
    """Five cards from one stream are all what the image is."""
    runs = _runs(content, 5)
    for run in runs:
        run.start()
    assert all(run.is_over() and run.error is None and run.is_right() for run in runs)


def test_card_that_hangs_holds_nobody_up(content: Content) -> None:
    """While one card's write does not return, the others finish; later so does it."""
    *others, slow = _runs(content, 3)
    may_go = Event()

    def hang(offset: int) -> None:
        if offset >= 9 * MIB and offset < 10 * MIB:
            assert may_go.wait(_PATIENCE_S)

    slow.medium.on_write = hang
    for run in (*others, slow):
        run.start()
    assert all(run.is_over() and run.is_right() for run in others)
    assert slow.error is None
    may_go.set()
    assert slow.is_over()
    assert slow.error is None
    assert slow.is_right()


def test_card_that_comes_late_gets_a_stream_of_its_own(content: Content) -> None:
    """Whoever is ready does not wait for long, and the last one still gets everything."""
    *others, late = _runs(content, 3)
    may_go = Event()

    def hang(_offset: int) -> None:
        assert may_go.wait(_PATIENCE_S)

    late.medium.on_write = hang
    for run in (*others, late):
        run.start()
    assert all(run.is_over() and run.is_right() for run in others)
    may_go.set()
    assert late.is_over()
    assert late.is_right()


def test_dead_card_leaves_the_others_alone(content: Content) -> None:
    """A card that is pulled in the middle fails; the rest finish."""
    dead, *others = _runs(content, 3)
    dead.medium.dies_at = 9 * MIB
    for run in (dead, *others):
        run.start()
    assert all(run.is_over() for run in (dead, *others))
    assert "was it pulled?" in str(dead.error)
    assert all(run.error is None and run.is_right() for run in others)


def test_damaged_image_fails_every_card(tmp_path: Path) -> None:
    """When the image ends early no card is left looking finished."""
    path = make_image(tmp_path / "i.img")
    content = lay_out(scan_image(path), CARD)
    with path.open("r+b") as file:
        file.truncate(9 * MIB)
    runs = _runs(content, 2)
    for run in runs:
        run.start()
    assert all(run.is_over() and isinstance(run.error, ImageError) for run in runs)
    assert not any(run.medium.bytes[:MIB] == content.head for run in runs)


def _checked(image: Image, at: Range, algorithm: str = "sha256") -> Image:
    """Return `image` with a block map that promises something else at `at`."""
    check = RangeCheck(range=at, digest="0" * 64, algorithm=algorithm)
    return replace(image, data=merge([*image.data, at]), checks=(check,))


def test_checks_are_made_beside_the_cards(tmp_path: Path) -> None:
    """A card's body may be there before its image is known to be right; its head is not."""
    image = scan_image(make_image(tmp_path / "i.img"))
    image = _checked(image, Range(8 * MIB, 12 * MIB))
    (run,) = _runs(lay_out(image, CARD), 1)
    run.start()
    assert run.is_over()
    assert isinstance(run.error, ImageError)
    assert not any(run.medium.bytes[:MIB])


def test_checks_never_run_ahead(tmp_path: Path) -> None:
    """They leave a slow source to the cards, and end when nobody wants them any more."""
    image = _checked(scan_image(make_image(tmp_path / "i.img")), Range(8 * MIB, 12 * MIB))
    checks, stopping = FileChecks(image), Event()
    checks.reached(12 * MIB - 1)
    stopping.set()
    checks.wait(stopping)
    checks.stop()
    checks.wait(Event())
    checks.raise_error()


def test_what_no_card_wants_is_checked_as_well(tmp_path: Path) -> None:
    """The range of a block map in which the image's own backup table lies is one of them."""
    image = scan_image(make_image(tmp_path / "i.img"))
    image = _checked(image, Range(12 * MIB, image.size_bytes))
    (run,) = _runs(lay_out(image, CARD), 1)
    run.start()
    assert run.is_over()
    assert "does not match its block map" in str(run.error)


def test_card_that_was_let_go_checks_the_range_it_is_in(tmp_path: Path) -> None:
    """Its stream does not rely on the one before it, which may have ended early."""
    packed = tmp_path / "i.img.gz"
    packed.write_bytes(gzip.compress(make_image(tmp_path / "i.img").read_bytes()))
    image = _checked(scan_image(packed), Range(8 * MIB, 12 * MIB))
    ended, intake = Event(), Intake(lambda: ended.set() if intake.has_ended else None)

    class Card:
        wanted = image.data
        is_idle = False

        def __init__(self) -> None:
            self.intake = intake

    Stream(
        image,
        [Range(10 * MIB, 13 * MIB)],
        ring=Ring(16, CHUNK),
        followers=[Card()],
        let_go=lambda _card, _position: None,
        stopping=Event(),
    ).start()
    assert ended.wait(_PATIENCE_S)
    assert isinstance(intake.error, ImageError)
    chunk = intake.take()
    assert chunk is None or chunk.range.start == 10 * MIB


def test_bug_in_the_reader_ends_every_card(tmp_path: Path) -> None:
    """Whatever ends the stream, nobody waits for it for ever."""
    image = scan_image(make_image(tmp_path / "i.img"))
    image = _checked(image, Range(8 * MIB, 9 * MIB), algorithm="no such algorithm")
    runs = _runs(lay_out(image, CARD), 2)
    for run in runs:
        run.start()
    assert all(run.is_over() and isinstance(run.error, ValueError) for run in runs)
    assert not any(any(run.medium.bytes[:512]) for run in runs)


def test_stopped_run_ends_every_card(content: Content) -> None:
    """One word from the operator ends all cards without a table."""
    stopping = Event()
    runs = _runs(content, 2, stopping)
    runs[0].medium.on_write = lambda offset: stopping.set() if offset > 8 * MIB else None
    for run in runs:
        run.start()
    assert all(run.is_over() and isinstance(run.error, StoppedError) for run in runs)
    assert not any(any(run.medium.bytes[:512]) for run in runs)
