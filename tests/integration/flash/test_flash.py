# SPDX-License-Identifier: Apache-2.0
"""Flashing real block devices and files from beginning to end."""

import io
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from edge.errors import DeviceError, FlashError
from edge.events import Event, Noted
from edge.meta import keys
from edge.meta.partition import MetaPartition
from edge.pki.key import fingerprint
from flasher.card import find_meta
from flasher.device import find_devices, inspect
from flasher.plan import FlashOptions, check_device, prepare
from flasher.record import CardRecords, Outcome
from flasher.table import read_table
from flasher.write import FlashReport, flash
from flasher.write.event import CardNoted, CardProgressed, Phase
from tests.fakes.image import MIB, make_image
from tests.integration.flash.conftest import AttachLoop

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def records(own_records: Path) -> CardRecords:
    return CardRecords(own_records)


def _flash(image: Path, target: Path, records: CardRecords) -> FlashReport:
    return flash(prepare(image, target), records=records, clock=lambda: NOW)


def _meta_offset(card: Path) -> int:
    with card.open("rb") as file:
        table = read_table(file)
    assert table is not None
    meta = find_meta(table)
    assert meta is not None
    return meta.start_bytes


@pytest.mark.parametrize("kind", ["gpt", "mbr"])
def test_disk_carries_the_image(
    tmp_path: Path, attach_loop: AttachLoop, records: CardRecords, kind: str
) -> None:
    """Every partition but META is the image's, the table fits the disk, and holes are clean."""
    image = make_image(tmp_path / "k.img", kind="gpt" if kind == "gpt" else "mbr")
    card = attach_loop()
    report = _flash(image, card, records)
    written, wanted = card.read_bytes(), image.read_bytes()
    meta = _meta_offset(card)
    assert written[MIB:meta] == wanted[MIB:meta]
    assert not any(written[meta + MIB : 17 * MIB])
    table = read_table(io.BytesIO(written))
    assert table is not None
    assert table.size_bytes == 64 * MIB
    assert report.rewritten_ranges == 0


def test_image_of_an_odd_size_fits_a_disk(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """What is left of the last block, and what is cleared behind it, goes in whole sectors."""
    with image.open("ab") as file:
        file.write(b"odd")
    card = attach_loop()
    _flash(image, card, records)
    written = card.read_bytes()
    assert written[16 * MIB : 16 * MIB + 3] == b"odd"
    assert not any(written[16 * MIB + 3 : 17 * MIB])


def test_table_satisfies_sgdisk(image: Path, attach_loop: AttachLoop, records: CardRecords) -> None:
    """The strictest reader of partition tables has nothing to complain about."""
    card = attach_loop(100 * MIB)
    _flash(image, card, records)
    checked = subprocess.run(["sgdisk", "-v", card], capture_output=True, text=True, check=True)
    assert "No problems found" in checked.stdout


def test_card_knows_what_the_record_knows(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """META has the key whose fingerprint, and the enrolment whose secret, were recorded."""
    card = attach_loop()
    report = _flash(image, card, records)
    values = MetaPartition(card, _meta_offset(card)).read()
    assert fingerprint(values[keys.NODE_KEY]) == report.fingerprint
    assert report.fingerprint is not None
    found = records.find_by_fingerprint(report.fingerprint)
    assert found is not None
    assert found.outcome is Outcome.WRITTEN
    assert found.attempt.device_path == card
    assert found.attempt.enrolment_id == report.enrolment_id
    assert found.attempt.secret is not None
    assert found.attempt.started == NOW
    assert found.image_sha256 == sha256(image.read_bytes()).hexdigest() == report.image_sha256


def test_card_without_enrolment_is_recorded_by_its_key(image: Path, records: CardRecords) -> None:
    """Whoever flashed it recognises the node; anybody may configure it first."""
    target = image.parent / "open.img"
    plan = prepare(image, target, FlashOptions(enrolment=False))
    report = flash(plan, records=records)
    values = MetaPartition(target, _meta_offset(target)).read()
    assert keys.ENROLMENT not in values
    assert fingerprint(values[keys.NODE_KEY]) == report.fingerprint
    assert report.enrolment_id is None
    card = records.find_by_fingerprint(report.fingerprint or "")
    assert card is not None
    assert card.attempt.secret is None


def test_two_cards_differ_in_meta_alone(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """The same image twice gives the same bytes but for key and enrolment."""
    one, two = attach_loop(name="one"), attach_loop(name="two")
    assert _flash(image, one, records).fingerprint != _flash(image, two, records).fingerprint
    first, second, meta = one.read_bytes(), two.read_bytes(), _meta_offset(one)
    assert first[meta : meta + MIB] != second[meta : meta + MIB]
    assert first[:meta] == second[:meta]


@pytest.mark.parametrize("packer", ["gzip", "xz", "zstd"])
def test_compressed_image_gives_the_same_card(
    image: Path, attach_loop: AttachLoop, records: CardRecords, packer: str
) -> None:
    """What the usual programs compress is unpacked on the way."""
    with (image.parent / "packed").open("wb") as packed:
        subprocess.run([packer, "-c", "-1", image], stdout=packed, check=True)
    card = attach_loop()
    _flash(image.parent / "packed", card, records)
    meta = _meta_offset(card)
    assert card.read_bytes()[MIB:meta] == image.read_bytes()[MIB:meta]


def test_new_file_is_a_sparse_card(image: Path, tmp_path: Path, records: CardRecords) -> None:
    """An image file gets the size of a card without taking its space."""
    card = tmp_path / "card.img"
    _flash(image, card, records)
    assert card.stat().st_size == 8 * 1024 * MIB
    assert card.stat().st_blocks * 512 < 32 * MIB


def test_file_can_be_flashed_again(image: Path, tmp_path: Path, records: CardRecords) -> None:
    """An existing card image is written over, and grown when asked."""
    card = tmp_path / "card.img"
    first = flash(prepare(image, card, FlashOptions(size_bytes=32 * MIB)), records=records)
    second = flash(prepare(image, card, FlashOptions(size_bytes=48 * MIB)), records=records)
    assert card.stat().st_size == 48 * MIB
    values = MetaPartition(card, _meta_offset(card)).read()
    assert fingerprint(values[keys.NODE_KEY]) == second.fingerprint != first.fingerprint


def test_image_without_meta_is_written_as_it_is(
    tmp_path: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """Somebody else's image gets no key and is recorded without one."""
    image = make_image(tmp_path / "other.img")
    data = bytearray(image.read_bytes())
    card = attach_loop(16 * MIB)
    subprocess.run(["sgdisk", "-c", "3:rootfs", image], check=True, capture_output=True)
    report = _flash(image, card, records)
    assert report.fingerprint is None
    assert card.read_bytes()[MIB : 15 * MIB] == data[MIB : 15 * MIB]


def test_mounted_disk_is_refused(image: Path, attach_loop: AttachLoop, tmp_path: Path) -> None:
    """A file system that somebody uses is left alone, and named."""
    card, place = attach_loop(), tmp_path / "my mount"
    place.mkdir()
    subprocess.run(["mkfs.ext4", "-q", card], check=True)
    subprocess.run(["mount", card, place], check=True)
    try:
        with pytest.raises(DeviceError, match=f"is mounted at {place}"):
            prepare(image, card)
    finally:
        subprocess.run(["umount", place], check=True)


def test_disk_that_is_mounted_after_planning_is_refused(
    image: Path, attach_loop: AttachLoop, tmp_path: Path, records: CardRecords
) -> None:
    """The rules are applied again when it matters, and nothing is recorded or written."""
    card, place = attach_loop(), tmp_path / "mount"
    place.mkdir()
    subprocess.run(["mkfs.ext4", "-q", card], check=True)
    plan = prepare(image, card)
    subprocess.run(["mount", card, place], check=True)
    try:
        with pytest.raises(DeviceError, match="is mounted"):
            flash(plan, records=records)
    finally:
        subprocess.run(["umount", place], check=True)
    assert records.cards() == []


def test_swap_in_use_is_refused(image: Path, attach_loop: AttachLoop) -> None:
    """Active swap is never written."""
    card = attach_loop()
    subprocess.run(["mkswap", "-q", card], check=True, capture_output=True)
    if subprocess.run(["swapon", card], capture_output=True).returncode:
        pytest.skip("this kernel has no swap on loop devices")
    try:
        with pytest.raises(DeviceError, match=r"swap"):
            prepare(image, card)
    finally:
        subprocess.run(["swapoff", card], check=True)


def test_small_disk_is_refused(image: Path, attach_loop: AttachLoop) -> None:
    """An image that does not fit is refused before a byte is written."""
    card = attach_loop(12 * MIB)
    with pytest.raises(DeviceError, match=r"has 12\.0 MiB, the image needs 16\.0 MiB"):
        prepare(image, card)
    assert card.read_bytes()[:MIB] == b"\xa5" * MIB


def test_file_behind_a_loop_device_is_refused(
    image: Path, attach_loop: AttachLoop, tmp_path: Path
) -> None:
    """A file must not change under the disk that is made of it."""
    card = attach_loop()
    with pytest.raises(DeviceError, match=f"is attached as {card}"):
        prepare(image, tmp_path / "d.disk")


def test_image_is_safe_under_any_name(image: Path, attach_loop: AttachLoop, tmp_path: Path) -> None:
    """A hard link to the image, or a disk made of one, is the image itself."""
    link = tmp_path / "link.img"
    os.link(image, link)
    with pytest.raises(DeviceError, match="holds the image"):
        prepare(image, link)
    card = attach_loop(16 * MIB)
    again = tmp_path / "again.img"
    os.link(tmp_path / "d.disk", again)
    make_image(again)
    with pytest.raises(DeviceError, match="holds the image"):
        prepare(again, card)


def test_system_disk_is_known() -> None:
    """The disk of this machine's root file system is refused, whatever options are given."""
    options = FlashOptions(allow_fixed=True, allow_large=True)
    for device in find_devices():
        if "/" in device.system_uses:
            with pytest.raises(DeviceError, match="holds this running system"):
                check_device(device, options)


def test_failed_new_file_is_removed(image: Path, tmp_path: Path, records: CardRecords) -> None:
    """Nothing half-written is left where there was nothing, and the record tells of it."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", small], check=True)
    try:
        plan = prepare(image, small / "card.img", FlashOptions(size_bytes=32 * MIB))
        with pytest.raises(FlashError, match="no space left on device"):
            flash(plan, records=records)
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)
    (card,) = records.cards()
    assert card.outcome is Outcome.FAILED
    assert "no space left" in card.error


def test_interrupt_is_said_and_recorded(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """Ctrl-C says what state the card is in, and leaves it without a table."""
    card, said = attach_loop(), []

    def interrupt(event: Event) -> None:
        if isinstance(event, Noted):
            said.append(event.text)
        if isinstance(event, CardProgressed) and event.phase is Phase.VERIFY:
            raise KeyboardInterrupt

    plan = prepare(image, card)
    with pytest.raises(KeyboardInterrupt):
        flash(plan, records=records, listener=interrupt)
    state = "the medium is unbootable on purpose; flash it again, or go on with --resume"
    assert said == [f"stopped: {card}: {state}"]
    assert not inspect(card).table
    assert records.cards()[0].outcome is Outcome.STOPPED


def test_interrupt_before_the_first_byte_is_said_too(
    image: Path, attach_loop: AttachLoop, records: CardRecords
) -> None:
    """A card that has not been touched is not called unbootable."""
    card, said = attach_loop(), []
    card.write_bytes(b"precious" * 512)

    def interrupt(event: Event) -> None:
        if isinstance(event, Noted):
            said.append(event.text)
        if isinstance(event, CardNoted):
            raise KeyboardInterrupt

    plan = prepare(image, card, FlashOptions(resume=True))
    with pytest.raises(KeyboardInterrupt):
        flash(plan, records=records, listener=interrupt)
    assert said == [f"stopped: {card}: nothing was written to it"]
    assert card.read_bytes()[:8] == b"precious"


_KILLED = """
import sys
from pathlib import Path
from flasher.record import CardRecords
from flasher.plan import prepare
from flasher.write import flash
from flasher.write.event import CardProgressed

def wait(event):
    if isinstance(event, CardProgressed) and event.phase == sys.argv[4]:
        print("now", flush=True)
        sys.stdin.read()

plan = prepare(Path(sys.argv[1]), Path(sys.argv[2]))
flash(plan, records=CardRecords(Path(sys.argv[3])), listener=wait)
"""


@pytest.mark.parametrize("step", ["write", "verify"])
def test_killed_writer_leaves_an_unbootable_card(
    image: Path, attach_loop: AttachLoop, records: CardRecords, step: str
) -> None:
    """Even a process that is killed leaves no card that looks finished."""
    card = attach_loop()
    subprocess.run(["sgdisk", "-n", "1:0:0", card], check=True, capture_output=True)
    arguments = [str(part) for part in (image, card, records.path, step)]
    command = [sys.executable, "-c", _KILLED, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
    assert b"EFI PART" not in card.read_bytes()[:MIB]
    assert inspect(card).table == ""
    assert records.cards()[0].outcome is Outcome.UNFINISHED
    _flash(image, card, records)
    assert inspect(card).table == "gpt"
