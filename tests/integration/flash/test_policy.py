# SPDX-License-Identifier: Apache-2.0
"""What configuration, contents and history of real disks do to flashing them."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cli.exit import ExitCode
from edge.cli.main import run
from edge.errors import DeviceError
from flasher.plan import prepare
from tests.fakes.image import MIB
from tests.integration.flash.conftest import AttachLoop

Configure = Callable[[str], Path]


@pytest.fixture
def configure(own_records: Path) -> Configure:
    """Give a function that writes the operator's configuration."""

    def write(text: str) -> Path:
        own_records.parent.mkdir(exist_ok=True)
        path = own_records.parent / "flash.yaml"
        path.write_text(text)
        return path

    return write


def test_protected_disk_is_never_written(
    image: Path,
    attach_loop: AttachLoop,
    configure: Configure,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The list shows which line protects it, and no option helps."""
    card = attach_loop()
    file = configure(f"# mine\nprotect:\n  - {card}\n")
    assert run(["devices", "-o", "json"]) == 0
    rows = {row["path"]: row for row in json.loads(capsys.readouterr().out)}
    protection = f"'{card}' in {file}:3"
    assert rows[str(card)]["protection"] == protection
    assert rows[str(card)]["verdict"] == f"refused: is protected: {protection}"
    words = ["flash", "--image", str(image), "--to", str(card), "-y", "--allow-fixed"]
    assert run([*words, "--allow-large"]) == ExitCode.DEVICE
    assert f"is protected: {protection}" in capsys.readouterr().err
    assert card.read_bytes()[:MIB] == b"\xa5" * MIB


def test_broken_configuration_stops_everything(
    image: Path,
    attach_loop: AttachLoop,
    configure: Configure,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What might have protected the disk cannot be read, so nothing is written."""
    card = attach_loop()
    file = configure("protected: [a]\n")
    assert run(["flash", "--image", str(image), "--to", str(card), "-y"]) != 0
    assert f"{file}:1: unknown key 'protected'" in capsys.readouterr().err
    assert run(["devices"]) != 0
    assert card.read_bytes()[:MIB] == b"\xa5" * MIB


MEMBERS = {
    "LVM": (512, b"LABELONE"),
    "RAID": (4096, b"\xfc\x4e\x2b\xa9"),
    "LUKS": (0, b"LUKS\xba\xbe"),
    "ZFS": (128 * 1024, (0x00BAB10C).to_bytes(8, "little")),
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_members_of_larger_things_are_refused(
    image: Path, attach_loop: AttachLoop, kind: str
) -> None:
    """A disk of an array is precious however empty it looks."""
    card = attach_loop(fill=b"\0")
    offset, magic = MEMBERS[kind]
    with card.open("r+b") as disk:
        disk.seek(offset)
        disk.write(magic)
    with pytest.raises(DeviceError, match=rf"is part of an? .*{kind}|is part of an? .*volume"):
        prepare(image, card)


def test_disk_that_somebody_uses_wants_its_name_typed(
    image: Path, attach_loop: AttachLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A home that is not mounted now shows in the list, and makes the plan careful."""
    card = attach_loop(fill=b"\0")
    made = {**os.environ, "E2FSPROGS_FAKE_TIME": "1680350400"}
    command = ["mkfs.ext4", "-q", "-L", "photos", "-M", "/home/eva", str(card)]
    subprocess.run(command, check=True, env=made)
    assert run(["devices", "-o", "json"]) == 0
    rows = {row["path"]: row for row in json.loads(capsys.readouterr().out)}
    (line,) = rows[str(card)]["history"]
    assert line.startswith(f"{card.name} (photos): ")
    assert line.endswith("last mounted at /home/eva, made on 2023-04-01")
    assert rows[str(card)]["volumes"][0]["made"] == "2023-04-01T12:00:00+00:00"
    assert prepare(image, card).oddities == (f"{card.name} (photos) was mounted at /home/eva",)


def test_source_on_the_card_itself_is_refused(
    image: Path, attach_loop: AttachLoop, tmp_path: Path
) -> None:
    """The disk that the image is read from is mounted, and named twice over."""
    card, place = attach_loop(), tmp_path / "mount"
    place.mkdir()
    subprocess.run(["mkfs.ext4", "-q", card], check=True)
    subprocess.run(["mount", card, place], check=True)
    try:
        copy = place / "node.img"
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        with pytest.raises(DeviceError, match="holds the image"):
            prepare(copy, card)
    finally:
        subprocess.run(["umount", place], check=True)
