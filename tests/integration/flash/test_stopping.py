# SPDX-License-Identifier: Apache-2.0
"""What a real `edgectl flash` does when it is stopped, or when nobody listens any more."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.units import MIB
from flasher.device import inspect
from flasher.record import CardRecords, Outcome
from tests.fakes.bad_card import Budget
from tests.fakes.card_fs import Card, CardFs
from tests.fakes.image import make_image

_PATIENCE_S = 60


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Give an image that takes a slow card a few seconds."""
    path = make_image(tmp_path / "large.img", size_mib=64)
    with path.open("r+b") as file:
        file.seek(15 * MIB)
        file.write(bytes(range(256)) * (44 * 4096))
    return path


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    with CardFs(tmp_path / "fs") as cards:
        card = cards.insert("slow", 128 * MIB)
        card.limit(Budget(write_bps=20 * MIB, read_bps=90 * MIB))
        yield card


@contextmanager
def _flashing(image: Path, card: Card) -> Iterator[subprocess.Popen[str]]:
    """Start to flash and return when the first bytes of the image are on the card."""
    words = ["flash", "--image", str(image), "--to", str(card.device), "-y", "-o", "jsonl"]
    command = [sys.executable, "-m", "edge", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("phase") == "write":
                break
        yield process


def test_ctrl_c_says_what_it_leaves(image: Path, card: Card, own_records: Path) -> None:
    """A healthy card ends at once, can be resumed, and the records know that it was stopped."""
    with _flashing(image, card) as process:
        process.send_signal(signal.SIGINT)
        out, _err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 130
    assert "unbootable on purpose; flash it again, or go on with --resume" in out
    (attempt,) = CardRecords(own_records).cards()
    assert attempt.outcome is Outcome.STOPPED
    assert not inspect(card.device).table


def test_card_is_finished_although_nobody_listens(image: Path, card: Card) -> None:
    """A pipe that was closed is no reason to leave a card half written."""
    with _flashing(image, card) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(_PATIENCE_S)
    assert inspect(card.device).table == "gpt"
