# SPDX-License-Identifier: Apache-2.0
"""`edgectl cards` as a person types it, over records of several cards."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.cli.exit import ExitCode
from edge.cli.main import run
from flasher.record import Attempt, CardRecords, Outcome, card_records

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def _attempt(mark: str, *, board: str = "rpi4", resumes: int | None = None) -> Attempt:
    return Attempt(
        started=NOW,
        image_path=Path("/i.img"),
        image_sha256="",
        image_bytes=1,
        device_path=Path("/dev/sdb"),
        device_bytes=1 << 35,
        device_model="Reader",
        device_serial="R-1",
        board=board,
        card_name=f"n{mark}",
        asset_tag=f"T-{mark}",
        resumes=resumes,
        fingerprint=f"{mark}=",
        enrolment_id=mark * 16,
        secret=b"s" * 32,
    )


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CardRecords:
    """A card that failed and was then written, one that failed, and one that was killed."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    records = card_records()
    first = records.begin(_attempt("a"))
    records.finish(first, Outcome.FAILED, ended=NOW, error="pulled")
    second = records.begin(_attempt("a", resumes=first))
    records.finish(second, Outcome.WRITTEN, ended=NOW, image_sha256="ab" * 32)
    third = records.begin(_attempt("b", board="nuc"))
    records.finish(third, Outcome.FAILED, ended=NOW, error="too small")
    records.begin(_attempt("c"))
    return records


def _lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert run(["cards", *words]) == 0
    return capsys.readouterr().out.splitlines()


def _ids(capsys: pytest.CaptureFixture[str], *words: str) -> list[int]:
    return [row["id"] for row in json.loads("\n".join(_lines(capsys, *words, "-o", "json")))]


@pytest.mark.usefixtures("records")
def test_list_shows_each_card_as_it_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    """With how often it was tried, and the error that a later success does not hide."""
    head, first, *_ = _lines(capsys, "list")
    assert head.split()[:5] == ["ID", "NAME", "TAG", "OUTCOME", "ATTEMPTS"]
    assert first.split()[:6] == ["2", "na", "T-a", "written", "2", "rpi4"]
    assert first.split()[6:] == ["/dev/sdb", "Reader", "a" * 16, "pulled"]
    assert _ids(capsys, "list") == [2, 3, 4]


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--failed"], [3, 4]),
        (["--board", "nuc"], [3]),
        (["--tag", "t-C"], [4]),
        (["--attempts"], [1, 2, 3, 4]),
        (["--attempts", "--failed", "--tag", "T-a"], [1]),
    ],
)
def test_list_is_narrowed(
    capsys: pytest.CaptureFixture[str], words: list[str], ids: list[int]
) -> None:
    """Unfinished is not written."""
    assert _ids(capsys, "list", *words) == ids


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(
    "name", ["2", "na", "T-a", "a" * 16, "a=", "edge-card:?name=x&enrolment=aaaaaaaaaaaaaaaa"]
)
def test_show_tells_the_whole_history(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """By whatever the card is called, without its secret."""
    shown = json.loads("\n".join(_lines(capsys, "show", name, "-o", "json")))
    assert shown["id"] == 2
    assert "secret" not in shown
    history = [(each["id"], each["outcome"], each["error"]) for each in shown["attempts"]]
    assert history == [(1, "failed", "pulled"), (2, "written", "")]
    assert shown["attempts"][1]["resumes"] == 1


@pytest.mark.usefixtures("records")
def test_show_asks_which_when_several_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """Cards of one reader share its serial number."""
    assert run(["cards", "show", "R-1"]) == ExitCode.DEVICE
    err = capsys.readouterr().err
    assert "3 cards are called R-1" in err
    assert "2, 3, 4" in err
    assert run(["cards", "show", "nobody"]) == ExitCode.DEVICE


@pytest.mark.usefixtures("records")
def test_export_writes_lines_or_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Every attempt; secrets only when asked for."""
    lines = [json.loads(line) for line in _lines(capsys, "export")]
    assert [line["id"] for line in lines] == [1, 2, 3, 4]
    assert "secret" not in lines[0]
    table = "\n".join(_lines(capsys, "export", "--format", "csv", "--show-secret"))
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["outcome"] for row in rows] == ["failed", "written", "failed", "unfinished"]
    assert len(rows[0]["secret"]) == 44
    assert rows[1]["image_sha256"] == "ab" * 32


@pytest.mark.usefixtures("records")
def test_label_is_printed_or_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """On the terminal, or into files for a printer."""
    lines = _lines(capsys, "label", "na")
    assert "tag T-a" in lines
    assert any("█" in line for line in lines)
    svg, png = tmp_path / "l.svg", tmp_path / "l.png"
    assert _lines(capsys, "label", "na", "--svg", str(svg), "--png", str(png)) == []
    assert svg.stat().st_size
    assert png.stat().st_size
    assert run(["cards", "label", "na", "--png", str(svg)]) == ExitCode.USAGE


def test_empty_records_print_no_table_of_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fresh machine has no cards, and says so in every form."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    assert _ids(capsys, "list") == []
    assert _lines(capsys, "export", "--format", "csv") == []


def test_broken_records_are_one_line_and_a_way_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No traceback, and no records lost by starting new ones."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    (tmp_path / "cards.sqlite").write_bytes(b"nonsense" * 100)
    assert run(["cards", "list"]) != 0
    err = capsys.readouterr().err
    assert "are damaged" in err
    assert f"mv {tmp_path}/cards.sqlite" in err
