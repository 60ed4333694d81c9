# SPDX-License-Identifier: Apache-2.0
"""One card of a run: what is said and recorded of it is true, and said once."""

from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag

import pytest

from edge.errors import FlashError, ImageError
from edge.events import Event, ignore
from flasher.card import CardRenderer
from flasher.device import THIS_HOST
from flasher.plan import FlashOptions, prepare
from flasher.plan.content import lay_out
from flasher.record import CardRecords, Outcome
from flasher.source import scan_image
from flasher.write import flash
from flasher.write.engine import CardThread
from flasher.write.event import CardFailed, CardNoted, CardProgressed
from flasher.write.feed import Feed
from flasher.write.job import Job, write_card
from flasher.write.task import Run, Task, _unbootable_if_given_up, new_thread
from flasher.write.watch import WatchedMedium
from tests.fakes.image import MIB, make_image
from tests.fakes.medium import FakeMedium

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CARD = 32 * MIB
_PATIENCE_S = 60


def test_card_that_was_given_up_is_told_and_recorded_once(tmp_path: Path) -> None:
    """Its thread comes back from a stall, ends, and neither finishes the card nor says more."""
    target = tmp_path / "card.img"
    target.write_bytes(bytes(CARD))
    plan = prepare(make_image(tmp_path / "i.img"), target)
    image, stopping = plan.request.image, Flag()
    records, events = CardRecords(tmp_path / "cards.sqlite"), list[Event]()
    threads: list[CardThread] = []

    def hear(event: Event) -> None:
        events.append(event)
        if isinstance(event, CardProgressed) and threads[0].medium and threads[0].is_pending:
            threads[0].medium.give_up()
            threads[0].give_up(FlashError("no progress"))

    run = Run(
        feed=Feed(image, 1, chunk_bytes=MIB, stopping=stopping),
        records=records,
        listener=hear,
        clock=lambda: NOW,
        host=THIS_HOST,
        stopping=stopping,
    )
    with CardRenderer(image) as renderer:
        card = renderer.render(None, now=NOW, enrol=False, meta={})
    content = lay_out(image, plan.size_bytes, card.patches)
    threads.append(new_thread(Task(plan=plan, card=card, content=content), run))
    threads[0].start()
    threads[0].join(_PATIENCE_S)
    (record,) = records.cards()
    assert (record.outcome, record.error) == (Outcome.FAILED, "no progress")
    assert [one.error for one in events if isinstance(one, CardFailed)] == ["no progress"]
    assert isinstance(threads[0].result, FlashError)
    assert not any(target.read_bytes()[:512])


def test_records_that_cannot_be_written_make_no_good_card_bad(tmp_path: Path) -> None:
    """The card stays, it is bootable, and that its end is missing in the records is told."""
    target, records = tmp_path / "card.img", CardRecords(tmp_path / "home/cards.sqlite")
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        if isinstance(event, CardProgressed) and records.path.is_file():
            records.path.unlink()
            records.path.mkdir()

    plan = prepare(make_image(tmp_path / "i.img"), target, FlashOptions(size_bytes=CARD))
    report = flash(plan, records=records, listener=hear)
    assert target.read_bytes()[512:520] == b"EFI PART"
    assert report.verified_bytes
    said = [event.text for event in events if isinstance(event, CardNoted)]
    assert any(text.startswith("its end is not recorded (written): ") for text in said)


def test_records_that_cannot_be_written_hide_no_error(tmp_path: Path) -> None:
    """Why a card failed is what is raised, not that it could not be written down."""
    target, records = tmp_path / "card.img", CardRecords(tmp_path / "home/cards.sqlite")
    image = make_image(tmp_path / "i.img")

    def hear(event: Event) -> None:
        if isinstance(event, CardProgressed) and records.path.is_file():
            records.path.unlink()
            records.path.mkdir()
            image.touch()

    plan = prepare(image, target, FlashOptions(size_bytes=CARD))
    with pytest.raises(ImageError, match="changed while"):
        flash(plan, records=records, listener=hear)


def test_stall_in_the_last_write_leaves_no_head(tmp_path: Path) -> None:
    """The partition table that arrived after the card was reported as failed is taken away."""
    content = lay_out(scan_image(make_image(tmp_path / "i.img")), CARD)
    inner, stopping = FakeMedium(CARD), Flag()
    medium = WatchedMedium(inner)
    heads: list[int] = []

    def stall_in_head(offset: int) -> None:
        if offset == 0 and any(MIB <= start < 16 * MIB for start, _ in inner.writes):
            heads.append(offset)
            medium.give_up()

    inner.on_write = stall_in_head
    job = Job(
        medium=medium,
        content=content,
        feed=Feed(content.image, 1, chunk_bytes=MIB, stopping=stopping),
        listener=ignore,
        stopping=stopping,
        is_probed=False,
    )
    with (
        pytest.raises(FlashError, match="nobody waits"),
        _unbootable_if_given_up(inner, medium, content),
    ):
        write_card(job)
    assert heads
    assert not any(inner.bytes[:MIB])
