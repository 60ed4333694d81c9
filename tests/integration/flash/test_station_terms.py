# SPDX-License-Identifier: Apache-2.0
"""What a station asks and tells before it begins."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.cli.exit import ExitCode
from edge.cli.main import run
from flasher.card.listing import load_list
from flasher.plan import read_image
from flasher.station import Order, opened, order_list
from flasher.station.mark import Mark
from tests.fakes.station import NoRecords


@pytest.fixture
def words(image: Path, tmp_path: Path) -> list[str]:
    """Give the words of a station for two cards, in a port that no machine has."""
    cards = tmp_path / "cards.csv"
    cards.write_text("name\ncam-01\ncam-02\n")
    return ["flash", "--watch", "--image", str(image), "--list", str(cards), "--port", "usb-0:99.9"]


def test_nobody_to_ask_means_no(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is shown, and without a terminal and without --yes nothing begins."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(words) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert "make:   2 cards, cam-01 to cam-02" in told
    assert "ports:  usb-0:99.9" in told
    assert "add --yes" in told


def test_a_dry_run_shows_the_plan(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without a book being begun."""
    assert run([*words, "--dry-run"]) == ExitCode.OK
    assert "2 cards, cam-01 to cam-02" in capsys.readouterr().err


def test_only_yes_is_yes(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else ends it."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run(words) == ExitCode.INTERRUPTED
    assert "nothing was written" in capsys.readouterr().err


def test_without_ports_there_is_no_station(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where ports are listed and how they are found."""
    assert run([*words[:-2], "--yes"]) == ExitCode.FAILED
    assert "no port is allowed" in capsys.readouterr().err


def test_ports_are_those_of_the_configuration(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the command line names none."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/flash.yaml").write_text("ports:\n  - usb-0:98\n")
    assert run([*words[:-2], "--dry-run"]) == ExitCode.OK
    assert "ports:  usb-0:98" in capsys.readouterr().err


def test_a_finished_list_is_not_made_again(
    words: list[str], image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends at once, well."""
    order = order_list(read_image(image), load_list(tmp_path / "cards.csv"))
    _make_all(order, tmp_path / "home/station")
    assert run([*words, "--yes"]) == ExitCode.OK
    assert "everything is made already" in capsys.readouterr().err


def _make_all(order: Order, folder: Path) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    with opened(folder, order, NoRecords(), now) as ledger:
        while item := ledger.next_item():
            taking = ledger.take(item, port="p1", device=Path("/dev/sdb"), now=now)
            ledger.finish(taking, Mark(), 1, now=now)
