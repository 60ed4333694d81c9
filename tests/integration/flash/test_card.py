# SPDX-License-Identifier: Apache-2.0
"""Cards that differ: what a list says is on each, on whatever was there before, and recorded."""

import json
from pathlib import Path

import pytest

from edge.cli.exit import ExitCode
from edge.cli.main import run
from edge.config.metal import parse_metal
from edge.meta import keys
from edge.meta.partition import MetaPartition
from flasher.record import card_records
from tests.fakes.boot_image import (
    BOOT_AT,
    BOOT_MIB,
    META_AT,
    MIB,
    check_boot,
    make_boot_image,
    read_boot_file,
)
from tests.integration.flash.conftest import AttachLoop

CARD_MIB = 64


@pytest.fixture
def boot_image(tmp_path: Path) -> Path:
    """An image with a FAT boot partition, most of it free, and META."""
    return make_boot_image(tmp_path / "boot-image.img")


def _junk_card(path: Path) -> Path:
    """Make a card that is full of somebody else's bytes."""
    path.write_bytes(b"\xa5" * (CARD_MIB * MIB))
    return path


def _file(card: Path, name: str) -> bytes:
    return read_boot_file(card, name, at=BOOT_AT)


def _check(card: Path) -> str:
    boot = card.with_name("checked")
    with card.open("rb") as file:
        file.seek(BOOT_AT)
        boot.write_bytes(file.read(BOOT_MIB * MIB))
    return check_boot(boot)


def _meta(card: Path) -> dict[int, bytes]:
    return MetaPartition(card, META_AT).read()


def test_cards_of_a_list_differ_as_it_says(
    boot_image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files, zeros among them, name and address: each card its own, and the records know."""
    (tmp_path / "one").write_bytes(b"one\n")
    (tmp_path / "zeros").write_bytes(bytes(3 * MIB))
    (tmp_path / "cards.csv").write_text(
        "hostname,address,files,asset_tag\n"
        "n1,10.0.0.5/24,etc/id=one,A-1\n"
        "n2,dhcp,config.txt=one;blob=zeros,A-2\n"
    )
    cards = [_junk_card(tmp_path / name) for name in ("a.img", "b.img")]
    words = ["flash", "--image", str(boot_image), "--list", str(tmp_path / "cards.csv"), "-y"]
    targets = [word for card in cards for word in ("--to", str(card))]
    assert run([*words, *targets, "-o", "json"]) == 0, capsys.readouterr().err
    capsys.readouterr()
    one, two = cards
    assert _file(one, "etc/id") == b"one\n"
    assert _file(one, "config.txt").startswith(b"arm_64bit=1")
    assert _file(two, "config.txt") == b"one\n"
    assert _file(two, "blob") == bytes(3 * MIB)
    assert (_check(one), _check(two)) == ("", "")
    network = parse_metal(_meta(one)[keys.METAL_NETWORK])
    assert (network.hostname, str(network.interfaces[0].addresses[0])) == ("n1", "10.0.0.5/24")
    assert parse_metal(_meta(two)[keys.METAL_NETWORK]).interfaces[0].dhcp
    recorded = [each.card.attempt for each in card_records().current()]
    assert sorted((each.card_name, each.hostname, each.asset_tag) for each in recorded) == [
        ("n1", "n1", "A-1"),
        ("n2", "n2", "A-2"),
    ]
    assert run(["cards", "show", "A-2", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["hostname"] == "n2"


def test_files_reach_a_block_device(
    boot_image: Path, attach_loop: AttachLoop, tmp_path: Path
) -> None:
    """Through direct I/O as well, of which only whole blocks are written."""
    (tmp_path / "one").write_bytes(b"one\n" * 3000)
    card = attach_loop()
    words = ["flash", "--image", str(boot_image), "--to", str(card), "-y"]
    assert run([*words, "--file", f"overlays/one.dtbo={tmp_path / 'one'}"]) == 0
    copy = tmp_path / "copy.img"
    copy.write_bytes(card.read_bytes())
    assert _file(copy, "overlays/one.dtbo") == b"one\n" * 3000
    assert _check(copy) == ""


def test_nothing_is_touched_when_one_card_cannot_be_made(
    boot_image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row with a fault, or a file that does not fit, spares the other cards too."""
    (tmp_path / "big").write_bytes(bytes(BOOT_MIB * MIB))
    cards = [_junk_card(tmp_path / name) for name in ("a.img", "b.img")]
    targets = [word for card in cards for word in ("--to", str(card))]
    for rows, code, message in (
        ("n1,\nn_2,\n", ExitCode.CONFIG, "row 3, hostname: 'n_2' is not a host name"),
        ("n1,\nn2,big=big\n", ExitCode.IMAGE, "cannot put big into the boot partition"),
    ):
        (tmp_path / "cards.csv").write_text(f"hostname,files\n{rows}")
        words = ["flash", "--image", str(boot_image), "--list", str(tmp_path / "cards.csv")]
        assert run([*words, *targets, "-y"]) == code
        assert message in capsys.readouterr().err
        assert all(card.read_bytes() == b"\xa5" * (CARD_MIB * MIB) for card in cards)
    assert card_records().cards() == []
