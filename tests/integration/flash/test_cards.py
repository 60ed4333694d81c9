# SPDX-License-Identifier: Apache-2.0
"""Several cards from one read of the image, and cards that are continued."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.events import Event
from flasher.device import inspect
from flasher.plan import FlashOptions, prepare, read_image
from flasher.record import CardRecords, Outcome
from flasher.write import FlashReport, flash, flash_cards
from flasher.write.event import CardFailed, CardFinished, CardNoted
from tests.fakes.image import MIB, make_image
from tests.integration.flash.conftest import AttachLoop
from tests.integration.flash.test_flash import _meta_offset

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def records(own_records: Path) -> CardRecords:
    return CardRecords(own_records)


def _holds(card: Path, image: Path) -> bool:
    meta = _meta_offset(card)
    return card.read_bytes()[MIB:meta] == image.read_bytes()[MIB:meta]


def test_cards_of_one_run_are_all_written(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """Three cards of different sizes carry the image, each with a key of its own."""
    cards = [attach_loop(size * MIB, name=f"c{size}") for size in (32, 64, 96)]
    read = read_image(image)
    plans = [prepare(read, card) for card in cards]
    events: list[Event] = []
    results = flash_cards(plans, records=records, listener=events.append)
    assert all(_holds(card, image) for card in cards)
    prints = {one.fingerprint for one in results if isinstance(one, FlashReport)}
    assert len(prints) == 3
    finished = {event.card for event in events if isinstance(event, CardFinished)}
    assert finished == {str(card) for card in cards}
    for card in cards:
        done = subprocess.run(["sgdisk", "-v", card], capture_output=True, text=True, check=True)
        assert "No problems found" in done.stdout


def test_card_that_is_taken_meanwhile_fails_alone(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """A card that another program opened for itself is named; its neighbour is written."""
    good, bad = attach_loop(name="good"), attach_loop(name="bad")
    read = read_image(image)
    plans = [prepare(read, card) for card in (bad, good)]
    events: list[Event] = []
    holder = (
        "import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_EXCL); print(flush=True); input()"
    )
    command = [sys.executable, "-c", holder, str(bad)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        refused, written = flash_cards(plans, records=records, listener=events.append)
        process.communicate(b"\n")
    assert isinstance(refused, EdgeError)
    assert "is in use" in refused.message
    assert isinstance(written, FlashReport)
    assert _holds(good, image)
    assert [event.card for event in events if isinstance(event, CardFailed)] == [str(bad)]


def test_nothing_is_touched_when_one_target_changed(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """All targets are looked at again before the first of them is touched."""
    one, two = attach_loop(name="one"), attach_loop(name="two")
    read = read_image(image)
    plans = [prepare(read, card) for card in (one, two)]
    before = one.read_bytes()[:MIB]
    two.write_bytes(b"LUKS\xba\xbe" + bytes(506))
    with pytest.raises(EdgeError, match="LUKS"):
        flash_cards(plans, records=records)
    assert one.read_bytes()[:MIB] == before
    assert records.cards() == []


_KILLED_LATE = """
import os, signal, sys
from pathlib import Path
from flasher.record import CardRecords
from flasher.plan import prepare
from flasher.write import flash
from flasher.write.event import CardProgressed

def die(event):
    is_verifying = isinstance(event, CardProgressed) and event.phase == "verify"
    if is_verifying and event.done_bytes >= 40 << 20:
        os.kill(os.getpid(), signal.SIGKILL)

plan = prepare(Path(sys.argv[1]), Path(sys.argv[2]))
flash(plan, records=CardRecords(Path(sys.argv[3])), listener=die)
"""


def _kill_in_the_middle(image: Path, card: Path, records: CardRecords) -> None:
    arguments = [str(part) for part in (image, card, records.path)]
    done = subprocess.run([sys.executable, "-c", _KILLED_LATE, *arguments])
    assert done.returncode == -9
    assert not inspect(card).table


@pytest.fixture
def large_image(tmp_path: Path) -> Path:
    """Give an image with 64 MiB of data, enough to be killed in the middle of."""
    image = make_image(tmp_path / "large.img", size_mib=80)
    with image.open("r+b") as file:
        file.seek(15 * MIB)
        file.write(bytes(range(256)) * (60 * 4096))
    return image


def test_killed_run_is_continued(
    large_image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """What was proven before the kill is read back, not written again, and the card is whole."""
    card = attach_loop(128 * MIB)
    _kill_in_the_middle(large_image, card, records)
    events: list[Event] = []
    plan = prepare(large_image, card, FlashOptions(resume=True))
    report = flash(plan, records=records, listener=events.append)
    assert _holds(card, large_image)
    full = flash(prepare(large_image, card), records=records)
    assert report.written_bytes < full.written_bytes - 10 * MIB
    said = [event.text for event in events if isinstance(event, CardNoted)]
    assert any(text.startswith("continued: ") for text in said)
    first, second, third = records.cards()
    assert first.outcome is Outcome.UNFINISHED
    assert second.attempt.resumes == first.id
    assert third.attempt.resumes is None


def test_continued_run_distrusts_its_journal(
    large_image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """Bytes that changed between kill and continuation are found and written again."""
    card = attach_loop(128 * MIB)
    _kill_in_the_middle(large_image, card, records)
    with card.open("r+b") as file:
        file.seek(9 * MIB)
        file.write(b"overwritten")
    flash(prepare(large_image, card, FlashOptions(resume=True)), records=records)
    assert _holds(card, large_image)


def test_other_image_is_not_continued_with(
    large_image: Path, image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """A card that another image was interrupted on is written from the start, and that is said."""
    card = attach_loop(128 * MIB)
    _kill_in_the_middle(large_image, card, records)
    events: list[Event] = []
    plan = prepare(image, card, FlashOptions(resume=True))
    flash(plan, records=records, listener=events.append)
    assert _holds(card, image)
    said = [event.text for event in events if isinstance(event, CardNoted)]
    assert "the image changed since: written from the start" in said


def test_capacity_is_proven_and_recorded(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """The record tells how much the card was found to hold."""
    report = flash(prepare(image, attach_loop(64 * MIB)), records=records)
    card = records.find(report.record_id)
    assert card is not None
    assert card.probed_bytes == 64 * MIB


_KILLED_EARLY = """
import os, signal, sys
from pathlib import Path
from flasher.record import CardRecords
from flasher.plan import prepare
from flasher.write import flash
from flasher.write.event import CardProgressed

def die(event):
    if isinstance(event, CardProgressed):
        os.kill(os.getpid(), signal.SIGKILL)

plan = prepare(Path(sys.argv[1]), Path(sys.argv[2]))
flash(plan, records=CardRecords(Path(sys.argv[3])), listener=die)
"""


def test_run_killed_while_it_probed_is_continued_with_the_probe(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """A card whose capacity was never proven is not believed because it was begun before."""
    card = attach_loop()
    arguments = [str(part) for part in (image, card, records.path)]
    done = subprocess.run([sys.executable, "-c", _KILLED_EARLY, *arguments])
    assert done.returncode == -9
    events: list[Event] = []
    plan = prepare(image, card, FlashOptions(resume=True))
    flash(plan, records=records, listener=events.append)
    said = [event.text for event in events if isinstance(event, CardNoted)]
    assert any(text.startswith("continued: ") for text in said)
    assert records.cards()[-1].probed_bytes == 64 * MIB


def test_finished_card_is_left_alone_when_others_resume(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """The same command with --resume does not write again what was finished."""
    card = attach_loop()
    flash(prepare(image, card), records=records)
    before = card.read_bytes()
    report = flash(prepare(image, card, FlashOptions(resume=True)), records=records)
    assert report.is_left
    assert card.read_bytes() == before
    assert len(records.cards()) == 1
