# SPDX-License-Identifier: Apache-2.0
"""Lab nodes, each a process with its own 127.x.y.z address, found on this machine alone."""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from discovery.browse import browse
from edge.cli.main import run
from flasher.record import Attempt, CardRecords
from tests.integration.discovery.conftest import ANNOUNCER, Program

NUMBERS = (201, 202, 203)


@pytest.fixture
def lab() -> Iterator[list[Program]]:
    """Announce three nodes from three processes on the loopback link."""
    programs = [
        Program([sys.executable, str(ANNOUNCER), "120", "lo", f"127.9.9.{number}"])
        for number in NUMBERS
    ]
    try:
        for program in programs:
            program.wait_for("ready".__eq__)
        yield programs
    finally:
        for program in programs:
            program.end()


@pytest.mark.usefixtures("lab")
async def test_lab_nodes_share_the_loopback_link() -> None:
    """Several processes announce on loopback, and each is found at its own address."""
    found = {node.name: node.address for node in await browse(2.5, ["lo"])}
    for number in NUMBERS:
        assert found[f"cam-{number}"] == f"127.9.9.{number}"


@pytest.mark.usefixtures("lab")
def test_card_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node is matched to the card it boots from by its key; a claim to a card is not enough."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    records = CardRecords(tmp_path / "cards.sqlite")
    own = records.begin(_attempt(key=201, enrolment=201))
    claimed = records.begin(_attempt(key=999, enrolment=202))
    assert run(["discover", "--interface", "lo", "--timeout", "2.5", "-o", "json"]) == 0
    cards = {row["name"]: row["card"] for row in json.loads(capsys.readouterr().out)}
    assert cards["cam-201"] == f"flashed here (card {own})"
    assert cards["cam-202"] == f"not the key of card {claimed}"
    assert cards["cam-203"] == "unknown"


def _attempt(*, key: int, enrolment: int) -> Attempt:
    digest = hashlib.sha256(str(key).encode()).digest()
    return Attempt(
        started=datetime(2026, 1, 1, tzinfo=UTC),
        image_path=Path("edge.img"),
        image_sha256="0" * 64,
        image_bytes=1,
        device_path=Path("/dev/sdz"),
        device_bytes=1,
        fingerprint=base64.b64encode(digest).decode(),
        enrolment_id=f"{enrolment:016x}",
        secret=b"s" * 32,
    )
