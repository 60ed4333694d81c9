# SPDX-License-Identifier: Apache-2.0
"""How a station's slots look on a terminal, in a log and to programs."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from edge.cli.slots import Row, draw, short_port, show_slots, to_json
from edge.events import Event
from edge.units import MIB
from flasher.card import CardSpec
from flasher.station import (
    CardMade,
    Item,
    Phase,
    SlotMoved,
    SlotNoted,
    SlotProgressed,
    StationNoted,
)

PORT = "pci-0000:00:14.0-usb-0:1.3:1.0-scsi-0:0:0:0"
CAM = Item(number=1, spec=CardSpec(name="cam-01"))


def moved(phase: Phase, text: str = "", item: Item | None = CAM) -> SlotMoved:
    """Return that a slot with a card came to `phase`."""
    return SlotMoved(
        port=PORT, phase=phase, device="/dev/sdb", card="Reader, 29.7 GiB", item=item, text=text
    )


def rows(*events: Event) -> Row:
    """Return the slot as it is shown after `events`."""
    row = Row(PORT)
    for event in events:
        row.note(event)
    return row


def shown(row: Row, width: int = 120) -> str:
    """Return the line of a slot."""
    out = io.StringIO()
    Console(width=width, file=out).print(draw([row], "1 of 3 cards are made"))
    return out.getvalue()


MADE = CardMade(
    port=PORT, item=CAM, record=7, enrolment="e1", fingerprint="f=", image_sha256="ab" * 32
)
HALF = SlotProgressed(
    port=PORT,
    phase=Phase.WRITING,
    done_bytes=50 * MIB,
    total_bytes=100 * MIB,
    bytes_per_second=10 * MIB,
)


def test_a_slot_that_writes_says_how_far_and_how_long() -> None:
    """Bar, percent, speed and rest fit into eighty columns, and a line below counts."""
    lines = shown(rows(moved(Phase.WRITING), HALF), width=80).splitlines()
    assert lines[1].split("writing")[0].split() == ["usb", "1.3", "sdb", "cam-01"]
    assert lines[1].rstrip().endswith("━━━━━╌╌╌╌╌  50%  10.0 MiB/s  5.0 s")
    assert lines[2].rstrip() == "1 of 3 cards are made"


def test_a_remark_stays_beside_the_progress() -> None:
    """Such as a stall; the next phase forgets it."""
    row = rows(moved(Phase.WRITING), HALF, SlotNoted(port=PORT, text="no progress for 5 s"))
    assert row.remark.endswith("5.0 s  no progress for 5 s")
    row.note(moved(Phase.VERIFYING))
    assert row.remark == "Reader, 29.7 GiB"


@pytest.mark.parametrize(
    ("phase", "text", "remark"),
    [
        (Phase.DONE, "10 MiB in 1 s", "take it out; 10 MiB in 1 s"),
        (Phase.DONE, "", "take it out"),
        (Phase.FAILED, "is mounted", "is mounted; take it out"),
        (Phase.LEFT, "already done as cam-01", "already done as cam-01"),
        (Phase.SETTLING, "", "Reader, 29.7 GiB"),
    ],
)
def test_a_slot_says_what_to_do(phase: Phase, text: str, remark: str) -> None:
    """What a person has to do comes first, what went wrong before that."""
    assert rows(moved(phase, text)).remark == remark


def test_an_emptied_slot_remembers_its_last_card() -> None:
    """Until the next one comes."""
    empty = SlotMoved(port=PORT, phase=Phase.EMPTY)
    row = rows(moved(Phase.DONE, "10 MiB in 1 s"), empty, empty)
    assert (row.remark, row.item) == ("last: cam-01 done", "")
    row.note(moved(Phase.SETTLING, item=None))
    assert row.remark == "Reader, 29.7 GiB"


def test_progress_ends_with_its_phase() -> None:
    """The next phase begins at nothing."""
    row = rows(moved(Phase.WRITING), HALF, moved(Phase.VERIFYING))
    assert row.progress == ""


def test_lines_for_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for every change, none for progress; labels in between."""
    with show_slots("table", lambda event: f"LABEL {event.item.name}") as listener:
        for event in (
            StationNoted(text="ready"),
            moved(Phase.WRITING),
            HALF,
            SlotNoted(port=PORT, text="a stall"),
            MADE,
            moved(Phase.DONE, "10 MiB in 1 s"),
        ):
            listener(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "ready",
        "usb 1.3  writing  cam-01  Reader, 29.7 GiB",
        "usb 1.3  a stall",
        "LABEL cam-01",
        "usb 1.3  done  cam-01  Reader, 29.7 GiB  10 MiB in 1 s",
    ]


def test_lines_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object for every change, on stdout; labels are still made."""
    labels: list[CardMade] = []

    def made(event: CardMade) -> str:
        labels.append(event)
        return "never shown"

    with show_slots("jsonl", made) as listener:
        for event in (StationNoted(text="ready"), moved(Phase.WRITING), HALF, MADE):
            listener(event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["StationNoted", "SlotMoved", "CardMade"]
    assert (lines[1]["phase"], lines[1]["item"], lines[1]["number"]) == ("writing", "cam-01", 1)
    assert (lines[2]["record"], lines[2]["enrolment"]) == (7, "e1")
    assert labels == [MADE]
    assert to_json(HALF) is None


@pytest.mark.parametrize(
    ("port", "short"),
    [
        (PORT, "usb 1.3"),
        (PORT[:-1] + "2", "usb 1.3 slot 2"),
        ("platform-fe340000.mmc", "platform-fe340000.mmc"),
        ("loop7", "loop7"),
    ],
)
def test_ports_have_short_names(port: str, short: str) -> None:
    """What is the same for nearly all ports is left out."""
    assert short_port(port) == short


def test_no_port_means_no_station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A station that may use any port would be a trap; it says how to allow one."""
    from edge.cli.commands.flash_watch import run_watch
    from edge.errors import EdgeError
    from flasher.plan import FlashOptions
    from tests.fakes.station import fake_image

    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    with pytest.raises(EdgeError, match="no port is allowed") as caught:
        run_watch(fake_image(), FlashOptions())
    assert "edgectl devices -o wide" in (caught.value.hint or "")
