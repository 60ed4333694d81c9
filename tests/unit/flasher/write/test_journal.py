# SPDX-License-Identifier: Apache-2.0
"""What a killed run leaves behind leads whoever continues to the same card and image."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.units import MIB
from flasher.device import Device, DeviceKind
from flasher.ranges import Range
from flasher.source import Image, scan_image
from flasher.write.journal import Journal, find_interrupted, is_same_image, new_header
from tests.fakes.image import make_image

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CARD = Device(
    path=Path("/dev/sdx"), kind=DeviceKind.DISK, size_bytes=64 * MIB, serial="A1", diskseq=7
)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return scan_image(make_image(tmp_path / "i.img"))


def _journal(folder: Path, image: Image, device: Device = CARD) -> Journal:
    return Journal(folder, new_header(device, device.size_bytes, image, started=NOW, attempt=3))


def test_ranges_are_kept_once_they_are_many(tmp_path: Path, image: Image) -> None:
    """Verified ranges survive the process a few MiB at a time, joined."""
    journal = _journal(tmp_path / "j", image)
    for start in range(0, 17 * MIB, MIB):
        journal.verified(Range(start, start + MIB))
    found = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None)
    assert found is not None
    assert found.done == (Range(0, 16 * MIB),)
    assert found.header.attempt == 3
    journal.save()
    found = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None)
    assert found is not None
    assert found.done == (Range(0, 17 * MIB),)


def test_marker_finds_the_card_in_another_reader(tmp_path: Path, image: Image) -> None:
    """A card that says by which run it was left needs neither path nor serial number."""
    journal = _journal(tmp_path / "j", image)
    elsewhere = replace(CARD, path=Path("/dev/sdz"), serial="other reader", diskseq=9)
    run = journal.path.stem
    assert find_interrupted(tmp_path / "j", elsewhere, 64 * MIB, run) is not None
    assert find_interrupted(tmp_path / "j", elsewhere, 64 * MIB, None) is None
    assert find_interrupted(tmp_path / "j", CARD, 64 * MIB, "0" * 16) is None


def test_card_without_serial_is_known_by_its_insertion(tmp_path: Path, image: Image) -> None:
    """The kernel counts media, so another card in the same reader is another card."""
    plain = replace(CARD, serial="")
    _journal(tmp_path / "j", image, plain)
    assert find_interrupted(tmp_path / "j", plain, 64 * MIB, None) is not None
    assert find_interrupted(tmp_path / "j", replace(plain, diskseq=8), 64 * MIB, None) is None


def test_torn_line_is_ignored(tmp_path: Path, image: Image) -> None:
    """The last line of a process that was killed may be half there."""
    journal = _journal(tmp_path / "j", image)
    journal.verified(Range(0, MIB))
    journal.save()
    with journal.path.open("a") as file:
        file.write('{"done": [[1048576, 20')
    found = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None)
    assert found is not None
    assert found.done == (Range(0, MIB),)


def test_other_image_is_told(tmp_path: Path, image: Image) -> None:
    """An image that was built again is not the one that was half written."""
    journal = _journal(tmp_path / "j", image)
    found = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None)
    assert found is not None
    assert is_same_image(found.header, image)
    image.path.touch()
    assert not is_same_image(found.header, scan_image(image.path))
    journal.remove()
    assert find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None) is None


def test_continued_run_takes_over(tmp_path: Path, image: Image) -> None:
    """What was done stays noted when the second run is killed as well."""
    first = _journal(tmp_path / "j", image)
    first.verified(Range(0, MIB))
    first.save()
    found = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None)
    assert found is not None
    second = _journal(tmp_path / "j", image)
    second.take_over(found)
    assert not first.path.exists()
    again = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None)
    assert again is not None
    assert again.done == found.done


def test_proof_of_capacity_is_kept_for_the_marked_card(tmp_path: Path, image: Image) -> None:
    """A card that is known by its reader's number alone may be another one, and a liar."""
    first = _journal(tmp_path / "j", image)
    found = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, first.path.stem)
    assert found is not None
    assert not found.is_probed
    first.probed()
    found = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, first.path.stem)
    assert found is not None
    assert found.is_probed
    second = _journal(tmp_path / "j", image)
    second.take_over(found)
    again = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, second.path.stem)
    assert again is not None
    assert again.is_probed
    unmarked = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None)
    assert unmarked is not None
    assert not unmarked.is_probed


def test_old_journal_is_kept_until_the_new_one_can_be_written(tmp_path: Path, image: Image) -> None:
    """What cannot be taken over is not thrown away."""
    first = _journal(tmp_path / "j", image)
    found = find_interrupted(tmp_path / "j", CARD, CARD.size_bytes, None)
    assert found is not None
    second = _journal(tmp_path / "j", image)
    second.fault = "cannot be resumed: the disk is full"
    second.take_over(found)
    assert first.path.exists()


def test_journal_that_cannot_be_written_says_so(tmp_path: Path, image: Image) -> None:
    """A full or forbidden folder costs the resumption, not the card."""
    (tmp_path / "j").write_text("a file where the folder should be")
    journal = _journal(tmp_path / "j", image)
    journal.verified(Range(0, MIB))
    journal.save()
    assert journal.fault.startswith("cannot be resumed: ")


def test_old_journals_are_forgotten(tmp_path: Path, image: Image) -> None:
    """A run that nobody came back to for two months is not kept."""
    first = _journal(tmp_path / "j", image)
    os.utime(first.path, (0, 0))
    second = _journal(tmp_path / "j", image)
    assert not first.path.exists()
    assert second.path.exists()
