# SPDX-License-Identifier: Apache-2.0
"""The commands `flash`, `devices` and `cards` as a person types them."""

import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from edge.cli.exit import ExitCode
from edge.cli.main import run
from flasher.device import inspect
from flasher.source import scan_image
from tests.fakes.image import MIB
from tests.integration.flash.conftest import AttachLoop


def test_flash_then_list(
    image: Path, attach_loop: AttachLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data goes to stdout, narration to stderr, and the card is in the records."""
    card = attach_loop()
    assert run(["flash", "--image", str(image), "--to", str(card), "-y", "-o", "json"]) == 0
    out, err = capsys.readouterr()
    (report,) = json.loads(out)
    assert report["target"] == str(card)
    assert "edgectl discover --watch" in err
    assert run(["cards", "show", report["enrolment"], "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["fingerprint"] == report["fingerprint"]
    assert "secret" not in shown
    assert run(["cards", "export", "--show-secret"]) == 0
    assert len(json.loads(capsys.readouterr().out)["secret"]) == 44
    assert run(["cards", "list"]) == 0
    assert report["enrolment"] in capsys.readouterr().out


def test_flash_without_enrolment_says_what_that_means(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The card has a fingerprint and no enrolment; the operator is told who may configure it."""
    target = str(tmp_path / "card.img")
    words = ["flash", "--image", str(image), "--to", target, "--no-enrolment", "-o", "json"]
    assert run(words) == 0
    out, err = capsys.readouterr()
    (report,) = json.loads(out)
    assert (report["enrolment"], len(report["fingerprint"])) == (None, 44)
    assert "anybody who can reach its node may configure it first" in err


def test_json_lines_carry_the_events(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With jsonl every line is an event, and the last is the report."""
    target = str(tmp_path / "card.img")
    assert run(["flash", "--image", str(image), "--to", target, "-o", "jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["event"] == "StepStarted"
    assert {"write", "verify"} <= {line.get("phase") for line in lines}
    assert lines[-1]["target"] == target


def test_cards_of_a_list_are_written_together(
    image: Path, attach_loop: AttachLoop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each target gets the next row of the list, and the records know its name and tag."""
    (tmp_path / "cards.csv").write_text(
        "name,hostname,asset_tag\ncam-01,cam-01,A1\ncam-02,cam-02,A2\n"
    )
    one, two = attach_loop(name="one"), attach_loop(name="two")
    words = ["flash", "--image", str(image), "--list", str(tmp_path / "cards.csv"), "-y"]
    assert run([*words, "--to", str(one), "--to", str(two), "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["outcome"]) for row in rows] == [
        ("cam-01", "written"),
        ("cam-02", "written"),
    ]
    assert run(["cards", "list", "-o", "json"]) == 0
    cards = json.loads(capsys.readouterr().out)
    assert {card["tag"] for card in cards} == {"A1", "A2"}
    assert run([*words, "--to", str(one)]) == ExitCode.USAGE
    assert "has 2 cards for 1 of --to" in capsys.readouterr().err
    assert run([*words, "--to", str(one), "--card", "cam-02", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "cam-02"


def test_one_bad_card_of_two_is_named(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The good one is finished and reported; the exit code and the last line tell of the bad."""
    good, bad = tmp_path / "good.img", tmp_path / "small/bad.img"
    bad.parent.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", bad.parent], check=True)
    words = ["flash", "--image", str(image), "--size", "32MiB", "-o", "json"]
    try:
        code = run([*words, "--to", str(good), "--to", str(bad)])
    finally:
        subprocess.run(["umount", bad.parent], check=True)
    out, err = capsys.readouterr()
    assert code == ExitCode.FLASH
    assert [row["outcome"] for row in json.loads(out)] == ["written", "failed"]
    assert f"1 of 2 cards failed: {bad}" in err
    assert "no space left on device" in err
    assert inspect(good).table == "gpt"


def test_dry_run_changes_nothing(
    image: Path, attach_loop: AttachLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan is shown, and the card is as it was."""
    card = attach_loop()
    assert run(["flash", "--image", str(image), "--to", str(card), "--dry-run", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["image_bytes"] == 16 * MIB
    assert card.read_bytes()[:MIB] == b"\xa5" * MIB


def test_one_card_by_two_names_is_refused(
    image: Path, attach_loop: AttachLoop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link to a disk is that disk."""
    card, link = attach_loop(), tmp_path / "by-id"
    link.symlink_to(card)
    words = ["flash", "--image", str(image), "-y", "--to", str(card), "--to", str(link)]
    assert run(words) == ExitCode.USAGE
    assert "named twice" in capsys.readouterr().err
    assert card.read_bytes()[:MIB] == b"\xa5" * MIB


def test_nobody_to_ask_means_no(
    image: Path,
    attach_loop: AttachLoop,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a terminal and without --yes nothing is destroyed."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    card = attach_loop()
    assert run(["flash", "--image", str(image), "--to", str(card)]) == ExitCode.USAGE
    assert "add --yes" in capsys.readouterr().err
    assert card.read_bytes()[:MIB] == b"\xa5" * MIB


class _Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("fs_type", "answer", "code"),
    [
        ("vfat", "yes", ExitCode.OK),
        ("vfat", "y", ExitCode.INTERRUPTED),
        ("ntfs", "yes", ExitCode.INTERRUPTED),
        ("ntfs", "NAME", ExitCode.OK),
    ],
)
def test_confirmation_shows_what_would_be_lost(
    image: Path,
    attach_loop: AttachLoop,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fs_type: str,
    answer: str,
    code: ExitCode,
) -> None:
    """An ordinary card takes a "yes"; where something is odd, its name has to be typed."""
    card = attach_loop(fill=b"\0")
    with card.open("r+b") as disk:
        disk.write(b"\xeb\x58\x90NTFS    " if fs_type == "ntfs" else b"")
    monkeypatch.setattr("sys.stdin", _Terminal(answer.replace("NAME", card.name) + "\n"))
    assert run(["flash", "--image", str(image), "--to", str(card)]) == code
    said = capsys.readouterr().err
    assert f"Everything on {card} will be lost" in said
    assert f"{card}   loop, 64.0 MiB" in said
    assert ("careful:" in said) == (fs_type == "ntfs")
    assert any(card.read_bytes()[512:520]) == (code == ExitCode.OK)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--to", "/tmp"], ExitCode.USAGE, "either --board or --image"),
        (["--image", "x", "--to", "/dev/nothing"], ExitCode.DEVICE, "no device /dev/nothing"),
        (["--image", "/no.img", "--to", "new.img"], ExitCode.USAGE, "there is no image /no.img"),
        (["--image", "x"], ExitCode.USAGE, "missing option '--to'"),
        (["--image", "x", "--to", "y", "--size", "big"], ExitCode.USAGE, "not a size: 'big'"),
        (
            ["--image", "x", "--to", "y.img", "--to", "z.img", "--asset-tag", "T"],
            ExitCode.USAGE,
            "cards that are not alike need a --list",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: list[str],
    code: ExitCode,
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each has its exit code and says what is wrong."""
    monkeypatch.chdir(tmp_path)
    assert run(["flash", *arguments]) == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.glob("*.img")) == []


def test_devices_says_what_may_be_written(
    attach_loop: AttachLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    """An attached image is ok, and the disk of this system is not."""
    card = attach_loop()
    assert run(["devices", "-o", "json"]) == 0
    rows = {row["path"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[str(card)]["verdict"] == "ok"
    systems = [row for row in rows.values() if "/" in row["system_uses"]]
    assert all(row["verdict"].startswith("refused: holds this running") for row in systems)


def test_unknown_card_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Asking for a card that was never flashed says so."""
    assert run(["cards", "show", "12345"]) == ExitCode.DEVICE
    assert "no card 12345" in capsys.readouterr().err


def test_description_beside_the_image_goes_into_the_record(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Board and version are known of images that edgectl built, and only of those."""
    described = {"board": "rpi4", "version": "1.2.3", "sha256": scan_image(image).sha256}
    (tmp_path / "node.img.json").write_text(json.dumps(described))
    for number in (1, 2):
        assert run(["flash", "--image", str(image), "--to", str(tmp_path / f"{number}.img")]) == 0
        later = image.stat().st_mtime + 3600  # as if built anew by somebody else
        os.utime(image, (later, later))
    capsys.readouterr()
    assert run(["cards", "list", "-o", "json"]) == 0
    cards = json.loads(capsys.readouterr().out)
    assert [(card["board"], card["version"]) for card in cards] == [("rpi4", "1.2.3"), ("", "")]
