# SPDX-License-Identifier: Apache-2.0
"""One card of a run that nobody waits for any more: what was said of it stays true."""

from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag

import pytest

from edge.errors import FlashError
from edge.events import Event, ignore
from flasher.card import CardRenderer
from flasher.device import THIS_HOST
from flasher.record import CardRecords, Outcome
from flasher.source import scan_image
from flasher.write import prepare
from flasher.write.content import lay_out
from flasher.write.engine import CardThread
from flasher.write.event import CardFailed, CardProgressed
from flasher.write.feed import Feed
from flasher.write.job import Job, write_card
from flasher.write.learn import DigestLearner
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
        digest=DigestLearner(image, stopping),
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


def test_stall_in_the_last_write_leaves_no_head(tmp_path: Path) -> None:
    """The partition table that arrived after the card was reported as failed is taken away."""
    content = lay_out(scan_image(make_image(tmp_path / "i.img")), CARD)
    inner, stopping = FakeMedium(CARD), Flag()
    medium = WatchedMedium(inner)
    heads: list[int] = []

    def stall_in_head(offset: int) -> None:
        if offset == 0 and inner.flushes > 2:  # it was cleared, and the body is flushed
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
