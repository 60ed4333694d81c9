# SPDX-License-Identifier: Apache-2.0
"""One card's job against cards that keep, spoil, lose and lie."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event as Flag

import pytest

from edge.errors import BugError, FlashError, ImageError
from edge.events import Event, Listener, ignore
from flasher.plan.content import Content, lay_out
from flasher.ranges import Range
from flasher.source import scan_image
from flasher.write.card import StoppedError, Tally
from flasher.write.event import CardNoted, CardProgressed, Phase
from flasher.write.feed import Feed
from flasher.write.intake import Chunk
from flasher.write.job import Job, write_card
from flasher.write.stream import Follower
from tests.fakes.image import MIB, make_image
from tests.fakes.medium import FakeMedium
from tests.unit.flasher.plan.test_content import render

CARD = 32 * MIB


def write_content(
    medium: FakeMedium, content: Content, listener: Listener = ignore, *, probe: bool = False
) -> Tally:
    stopping = Flag()
    feed = Feed(content.image, 1, chunk_bytes=MIB, stopping=stopping)
    job = Job(
        medium=medium,
        content=content,
        feed=feed,
        listener=listener,
        stopping=stopping,
        is_probed=probe,
    )
    write_card(job)
    return job.tally


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return lay_out(scan_image(make_image(tmp_path / "i.img")), CARD)


def test_card_holds_the_content(content: Content) -> None:
    """Data, holes, head and tail all arrive on a card that was full of something else."""
    medium = FakeMedium(CARD)
    writing = write_content(medium, content, ignore)
    expected = render(content, CARD)
    for one in (*content.data, *content.zeros):
        assert medium.bytes[one.start : one.end] == expected[one.start : one.end]
    assert medium.bytes[:MIB] == content.head
    assert writing.rewritten == []
    assert medium.table_reads == 1


def test_holes_that_are_zero_are_not_written(content: Content) -> None:
    """A blank card gets the data alone."""
    medium = FakeMedium(CARD, fill=0)
    full = write_content(FakeMedium(CARD), content, ignore).written_bytes
    assert write_content(medium, content, ignore).written_bytes < full
    assert not any(offset <= 7 * MIB < offset + size for offset, size in medium.writes)


def test_table_is_written_last(content: Content) -> None:
    """Until all is read back, the card has no partition table."""
    medium = FakeMedium(CARD)
    heads: list[bool] = []
    medium.on_write = lambda _offset: heads.append(any(medium.bytes[:MIB]))
    write_content(medium, content, ignore)
    assert medium.writes[-1][0] == 0
    assert not any(heads[1:])


# The end is written twice, cleared and then with the table, so it has to go wrong twice.
@pytest.mark.parametrize(
    ("offset", "times"),
    [(9 * MIB + 4711, 1), (MIB, 1), (7 * MIB, 1), (CARD - MIB, 2), (CARD - 1, 2)],
)
def test_flipped_byte_is_written_again(content: Content, offset: int, times: int) -> None:
    """One bad write is found, named exactly, and repaired: in data, holes, tail and head."""
    medium = FakeMedium(CARD, flips={offset: times})
    notes: list[Event] = []
    tally = write_content(medium, content, notes.append)
    assert len(tally.rewritten) == 1
    text = f"byte {offset} read back wrong; writing it again"
    assert CardNoted(card=medium.name, text=text) in notes
    expected = render(content, CARD)
    for one in content.data:
        assert medium.bytes[one.start : one.end] == expected[one.start : one.end]
    assert medium.bytes[:MIB] == content.head


def test_flip_in_the_head_is_written_again(content: Content) -> None:
    """The partition table, written last of all, gets a second try as well."""
    medium = FakeMedium(CARD)

    def spoil(offset: int) -> None:
        if offset == 0 and medium.writes:
            medium.flips.setdefault(600, 1)

    medium.on_write = spoil
    tally = write_content(medium, content)
    assert len(tally.rewritten) == 1
    assert medium.bytes[:MIB] == content.head


def test_head_that_others_wrote_into_condemns_the_card(content: Content) -> None:
    """What came up where the head was cleared was written elsewhere: the card wraps around."""
    medium = FakeMedium(CARD)

    def wrap(offset: int) -> None:
        if offset == 9 * MIB:
            medium.bytes[4096:4100] = b"data"

    medium.on_write = wrap
    with pytest.raises(FlashError, match="byte 4096 "):
        write_content(medium, content)
    assert not any(medium.bytes[512:MIB])


@pytest.mark.parametrize("capacity_bytes", [size * MIB + 1536 for size in range(9, 32)])
def test_unproven_card_that_wraps_is_found(content: Content, capacity_bytes: int) -> None:
    """Without a probe all is read back after all is written, so nothing escapes."""
    medium = FakeMedium(CARD, capacity_bytes=capacity_bytes)
    with pytest.raises(FlashError, match="does not keep"):
        write_content(medium, content, probe=False)


def test_flip_in_what_was_hoped_for_is_written_again(content: Content) -> None:
    """A range that a journal called done is written for the first time once it was not there."""
    medium, stopping = FakeMedium(CARD, flips={9 * MIB + 4711: 1}), Flag()
    job = Job(
        medium=medium,
        content=content,
        feed=Feed(content.image, 1, chunk_bytes=MIB, stopping=stopping),
        listener=ignore,
        stopping=stopping,
        is_probed=False,
        done_before=(Range(8 * MIB, 12 * MIB),),
    )
    write_card(job)
    expected = render(content, CARD)
    for one in content.data:
        assert medium.bytes[one.start : one.end] == expected[one.start : one.end]
    assert len(job.tally.rewritten) == 1


@pytest.mark.parametrize(("is_proven", "times"), [(True, 1), (False, 2)])
def test_only_an_unproven_card_is_read_twice(content: Content, is_proven: bool, times: int) -> None:
    """A file, or a card that was probed before it was interrupted, is not read for nothing."""

    class Counting(FakeMedium):
        reads = 0

        def read(self, offset: int, into: memoryview) -> None:
            self.reads += offset == 9 * MIB
            super().read(offset, into)

    medium, stopping = Counting(CARD), Flag()
    job = Job(
        medium=medium,
        content=content,
        feed=Feed(content.image, 1, chunk_bytes=MIB, stopping=stopping),
        listener=ignore,
        stopping=stopping,
        is_probed=False,
        is_proven=is_proven,
    )
    write_card(job)
    assert medium.reads == times


def test_persistent_flip_condemns_the_card(content: Content) -> None:
    """A byte that is wrong twice ends in an error that names it, on an unbootable card."""
    medium = FakeMedium(CARD, flips={9 * MIB + 4711: 99})
    with pytest.raises(FlashError, match=rf"byte {9 * MIB + 4711} .*unbootable") as caught:
        write_content(medium, content, ignore)
    assert caught.value.hint is not None
    assert not any(medium.bytes[:MIB])


def test_flip_in_the_table_condemns_the_card(content: Content) -> None:
    """The head is read back like everything else, and taken away again when it is bad."""
    medium = FakeMedium(CARD, flips={600: 99})
    with pytest.raises(FlashError, match=r"byte 600 "):
        write_content(medium, content, ignore)
    assert bytes(medium.bytes[512:520]) != b"EFI PART"


def test_card_that_lies_about_its_size_is_found(content: Content) -> None:
    """Its end turns out to be its beginning before the image is written."""
    medium = FakeMedium(CARD, capacity_bytes=8 * MIB)
    with pytest.raises(FlashError, match="holds only"):
        write_content(medium, content, ignore, probe=True)
    assert bytes(medium.bytes[512:520]) != b"EFI PART"


def test_pulled_card_is_one_line(content: Content) -> None:
    """A card that vanishes in mid-write is named with where and why."""
    medium = FakeMedium(CARD, dies_at=8 * MIB)
    with pytest.raises(FlashError, match=r"/dev/fake at byte \d+ .*was it pulled\?"):
        write_content(medium, content, ignore)


def test_full_medium_is_one_line(content: Content) -> None:
    """No space left says so."""
    medium = FakeMedium(CARD, full_at=CARD)
    medium.full_at = 9 * MIB
    with pytest.raises(FlashError, match="no space left on device"):
        write_content(medium, content, ignore)


def test_failing_flush_is_one_line(content: Content) -> None:
    """Errors that a card reports only when flushed are errors too."""
    with pytest.raises(FlashError, match="input/output error"):
        write_content(FakeMedium(CARD, bad_flush=True), content, ignore)


def test_image_that_changes_meanwhile_is_refused(content: Content) -> None:
    """A build that replaces the image during the write does not leave a mixture that boots."""
    medium = FakeMedium(CARD)
    medium.on_write = lambda _offset: content.image.path.touch()
    with pytest.raises(ImageError, match="changed while"):
        write_content(medium, content, ignore)
    assert not any(medium.bytes[:MIB])


def test_interrupt_leaves_an_unbootable_card(content: Content) -> None:
    """Ctrl-C at any write leaves no partition table, the very last write included."""

    def interrupt(medium: FakeMedium, at: int, _offset: int) -> None:
        if len(medium.writes) == at:
            medium.on_write = lambda _offset: None
            raise KeyboardInterrupt

    total = FakeMedium(CARD)
    write_content(total, content, ignore)
    for stop in (2, len(total.writes) // 2, len(total.writes) - 1):
        medium = FakeMedium(CARD)
        medium.on_write = partial(interrupt, medium, stop)
        with pytest.raises(KeyboardInterrupt):
            write_content(medium, content, ignore)
        assert not any(medium.bytes[:MIB])


def test_progress_ends_at_its_total(content: Content) -> None:
    """Both phases count up, and the last ends at exactly its total."""
    events: list[Event] = []
    write_content(FakeMedium(CARD), content, events.append)
    for phase in (Phase.WRITE, Phase.VERIFY):
        steps = [one for one in events if isinstance(one, CardProgressed) and one.phase is phase]
        done = [one.done_bytes for one in steps]
        assert done == sorted(done)
    assert steps[-1].done_bytes == steps[-1].total_bytes


def test_interrupt_while_bad_ranges_are_written_again_stops_there(content: Content) -> None:
    """A long repair does not outlast the operator's patience, and the head stays away."""
    medium, stopping = FakeMedium(CARD, flips={9 * MIB: 1, 10 * MIB: 1}), Flag()
    job = Job(
        medium=medium,
        content=content,
        feed=Feed(content.image, 1, chunk_bytes=MIB, stopping=stopping),
        listener=lambda event: stopping.set() if isinstance(event, CardNoted) else None,
        stopping=stopping,
        is_probed=False,
    )
    with pytest.raises(StoppedError):
        write_card(job)
    assert not any(medium.bytes[:512])


def test_interrupt_after_the_last_byte_leaves_the_head_away(content: Content) -> None:
    """Whoever was told that the card is unbootable can rely on it."""
    medium, stopping = FakeMedium(CARD), Flag()
    job = Job(
        medium=medium,
        content=content,
        feed=Feed(content.image, 1, chunk_bytes=MIB, stopping=stopping),
        listener=lambda event: _stop_at_end(event, stopping),
        stopping=stopping,
        is_probed=False,
    )
    with pytest.raises(StoppedError):
        write_card(job)
    assert not any(medium.bytes[:512])


def _stop_at_end(event: Event, stopping: Flag) -> None:
    if not isinstance(event, CardProgressed) or event.phase is not Phase.VERIFY:
        return
    if event.done_bytes == event.total_bytes:
        stopping.set()


def test_card_of_which_something_was_left_out_does_not_boot(content: Content) -> None:
    """Should a chunk ever get lost between reader and card, the count at the end tells."""

    class Forgetful(Feed):
        """Loses the first chunk."""

        def join(self, run: Follower) -> None:
            run.intake.offer = _all_but_the_first(run.intake.offer)  # type: ignore[assignment,method-assign]
            super().join(run)

    medium, stopping = FakeMedium(CARD), Flag()
    job = Job(
        medium=medium,
        content=content,
        feed=Forgetful(content.image, 1, chunk_bytes=MIB, stopping=stopping),
        listener=ignore,
        stopping=stopping,
        is_probed=False,
    )
    with pytest.raises(BugError, match="were read back"):
        write_card(job)
    assert not any(medium.bytes[:512])


def _all_but_the_first(offer: Callable[[Chunk], None]) -> Callable[[Chunk], None]:
    seen: list[Chunk] = []

    def take(chunk: Chunk) -> None:
        if seen:
            offer(chunk)
        seen.append(chunk)

    return take
