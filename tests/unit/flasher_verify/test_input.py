# SPDX-License-Identifier: Apache-2.0
"""What is given to the verifier: good images with and without words, and what is no image."""

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.main import run
from edge.errors import ImageError, InputError, ToolError
from flasher.verify import Verdict, verify_image
from flasher.verify.check import Finding
from flasher.verify.suite import Report
from tests.fakes.board_image import assemble, describe, make_parts, small_profile


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a good image of qemu-arm64 without a description."""
    return assemble(make_parts("qemu-arm64"), tmp_path_factory.mktemp("good"))


@pytest.fixture
def image(good: Path, tmp_path: Path) -> Path:
    """Return a copy of the good image."""
    subprocess.run(["cp", "--sparse=always", good, tmp_path / "a.img"], check=True)
    return tmp_path / "a.img"


def test_the_image_names_its_board(image: Path) -> None:
    """Without --board, the kernel's arguments in the image say which board it is for."""
    assert verify_image(image).board == "qemu-arm64"


def test_an_image_that_names_no_board_is_refused(image: Path) -> None:
    """A hint says how to name the board."""
    content = image.read_bytes().replace(b"edge.board=", b"xxxx.board=")
    image.write_bytes(content)
    with pytest.raises(ImageError, match="does not say which board") as caught:
        verify_image(image)
    assert caught.value.hint is not None
    assert "--board" in caught.value.hint


def test_the_description_names_the_board_of_an_image_that_cannot(image: Path) -> None:
    """A damaged image is still checked, and fails."""
    describe(image, make_parts("qemu-arm64"))
    image.write_bytes(image.read_bytes().replace(b"edge.board=", b"xxxx.board="))
    report = verify_image(image)
    assert report.board == "qemu-arm64"
    assert {"kernel-arguments", "description"} <= {each.check for each in report.failures}


@pytest.mark.parametrize("key", ["sha256", "size_bytes", "board", "arch"])
def test_a_wrong_description_fails(image: Path, key: str) -> None:
    """Each of its claims about the image is compared."""
    parts = make_parts("qemu-arm64")
    describe(image, parts)
    place = image.with_name("a.img.json")
    described = json.loads(place.read_text())
    place.write_text(json.dumps({**described, key: "other"}))
    (finding,) = _only(verify_image(image, parts.profile), "description")
    assert (finding.verdict, key in finding.text) == (Verdict.FAILED, True)


def test_bytes_that_nobody_reads_are_still_those_described(image: Path) -> None:
    """One bit in an unused place is found by the checksum alone."""
    parts = make_parts("qemu-arm64")
    describe(image, parts)
    with image.open("r+b") as file:
        file.seek(700_000)
        file.write(b"\x01")
    report = verify_image(image, parts.profile)
    assert [each.check for each in report.failures] == ["description"]


def test_what_is_no_image_is_told_in_one_line(image: Path, tmp_path: Path) -> None:
    """No file, a folder, a text, a packed image and half an image."""
    (tmp_path / "text").write_text("hello " * 1000)
    (tmp_path / "packed").write_bytes(gzip.compress(image.read_bytes()[:100_000]))
    (tmp_path / "half").write_bytes(image.read_bytes()[: 50 << 20])
    (tmp_path / "empty").write_bytes(b"")
    for name, says in {
        "none": "there is no file",
        ".": "is not a regular file",
        "text": "no partition table",
        "packed": "is packed (gz)",
        "half": "is cut off",
        "empty": "is empty",
    }.items():
        with pytest.raises((ImageError, InputError)) as caught:
            verify_image(tmp_path / name)
        assert says in caught.value.message
        assert "\n" not in caught.value.message


def test_a_missing_program_is_told_before_anything_else(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image cannot be taken apart without two of them."""
    monkeypatch.setattr("flasher.tool.find_tool", lambda program: None)
    with pytest.raises(ToolError, match="debugfs, unsquashfs"):
        verify_image(image)


def test_a_check_whose_program_is_missing_says_so(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not counted as passed."""
    for module in ("grub", "filesystem", "device_tree"):
        monkeypatch.setattr(f"flasher.verify.{module}.find_tool", lambda program: None)
    report = verify_image(image)
    unchecked = {each.check: each.text for each in report.of(Verdict.NOT_CHECKED)}
    assert unchecked == {
        "grub-grammar": "grub-script-check is not installed",
        "fat-clean": "fsck.vfat is not installed",
        "ext4-clean": "e2fsck is not installed",
    }


def test_random_damage_never_ends_in_anything_but_a_report(image: Path) -> None:
    """Whatever bytes are overwritten, every check ends in a finding."""
    profile = make_parts("qemu-arm64").profile
    size = image.stat().st_size
    for place in range(1 << 20, size, size // 12):
        with image.open("r+b") as file:
            file.seek(place)
            file.write(os.urandom(65536))
    report = verify_image(image, profile)
    assert report.failures
    assert all(finding.text for finding in report.findings)


def test_the_command_prints_and_its_exit_code_tells(
    image: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Findings go to stdout, the verdict to stderr and to the exit code."""
    monkeypatch.setattr("flasher.verify.suite.load_profile", small_profile)
    assert run(["image", "verify", str(image), "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["verdict"] for row in rows} == {"ok", "not applicable"}
    assert all(row["rule"] and row["found"] and row["evidence"] for row in rows)
    assert run(["image", "verify", str(image), "--board", "nuc"]) == 6
    printed = capsys.readouterr()
    assert "does not hold what nuc needs" in printed.err
    assert "efi-programs" in printed.out


def test_a_file_that_may_not_be_read_is_one_line(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An ordinary user who may not read the image is told so."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert run(["image", "verify", str(image)]) == 6
    assert capsys.readouterr().err == f"edgectl: cannot read {image}: Permission denied\n"


def _only(report: Report, check: str) -> Iterator[Finding]:
    return (each for each in report.findings if each.check == check)


def test_damage_in_the_root_is_told_alike_by_every_check(image: Path) -> None:
    """Whoever asks second hears of the damage too, not of what the first one left behind."""
    content = bytearray(image.read_bytes())
    root = content.find(b"hsqs")
    content[root + 110 : root + 310] = b"\xff" * 200
    image.write_bytes(content)
    told = [each.text for each in verify_image(image).failures if "root file" in each.text]
    assert len(told) > 1
    assert not [text for text in told if "dir_scan" in text]


def test_a_full_disk_is_not_taken_for_a_bad_image(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be unpacked for want of room says nothing about the image."""
    describe(image, make_parts("qemu-arm64"))
    image.write_bytes(image.read_bytes().replace(b"edge.board=", b"xxxx.board="))
    full = shutil.disk_usage("/")._replace(free=1 << 20)
    monkeypatch.setattr("flasher.verify.suite.shutil.disk_usage", lambda _path: full)
    with pytest.raises(ImageError, match="too little to look into an image"):
        verify_image(image)
