# SPDX-License-Identifier: Apache-2.0
"""Files for the boot partition: on the card they are there, whatever was there before."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import ImageError, ToolError
from flasher.card import CardRenderer, CardSpec, render_card
from flasher.patch import Patch
from flasher.ranges import Range
from flasher.source import Image
from tests.fakes.boot_image import BOOT_MIB, MIB, Kind, check_boot, read_boot_file
from tests.unit.flasher.card.conftest import MakeImage

NOW = datetime(2026, 5, 1, 10, 20, 30, tzinfo=UTC)
FREE = Range(20 * MIB, 40 * MIB)


def _on_card(image: Image, patches: tuple[Patch, ...], path: Path, *, junk: int = 0) -> Path:
    """Make a file of what a card's boot partition reads; of `unread` only patches are written."""
    content = bytearray(image.path.read_bytes())
    for part in image.unread:
        content[part.start : part.end] = bytes([junk]) * part.size_bytes
    for patch in patches:
        content[patch.range.start : patch.range.end] = patch.data
    path.write_bytes(content[MIB : MIB + BOOT_MIB * MIB])
    return path


@pytest.mark.parametrize(("kind", "bits"), [("gpt", 32), ("mbr", 32), ("mbr", 16)])
def test_files_are_on_the_card(
    make_image: MakeImage, tmp_path: Path, kind: Kind, bits: int
) -> None:
    """New ones, ones in new folders, and in place of old ones; the image itself stays."""
    image = make_image(kind, bits=bits)
    before = image.path.read_bytes()
    files = {
        "config.txt": b"enable_uart=1\n",
        "user-data": b"#cloud-config\n" * 1000,
        "overlays/deeper/still/A Long Name.dtbo": bytes(range(256)) * 40,
        "empty": b"",
    }
    card = render_card(image, CardSpec(files=files), now=NOW)
    boot = _on_card(image, card.patches, tmp_path / "card.img")
    assert {name: read_boot_file(boot, name) for name in files} == files
    assert check_boot(boot) == ""
    assert image.path.read_bytes() == before
    assert card.files == tuple(sorted(files))


def test_same_files_make_the_same_patches(make_image: MakeImage) -> None:
    """Dates and serial numbers do not creep in; patches are whole blocks and few."""
    image = make_image(has_meta=False)
    spec = CardSpec(files={"a/b.txt": b"one" * 3000, "c": b"two"})
    one, two = (render_card(image, spec, now=NOW).patches for _ in range(2))
    assert one == two
    assert all(patch.offset % 4096 == 0 for patch in one)
    assert sum(len(patch.data) for patch in one) < 64 * 1024


@pytest.mark.parametrize(
    "content",
    [bytes(200_000), b"\xa5" * 200_000, b"x" * 9_000_000],
    ids=["zeros", "junk", "large"],
)
def test_clusters_that_the_map_leaves_out_are_written(
    make_image: MakeImage, tmp_path: Path, content: bytes
) -> None:
    """Zeros in a file are data: whatever the card had there before must go."""
    image = make_image(free=Range(1 * MIB + MIB // 2, BOOT_MIB * MIB))
    card = render_card(image, CardSpec(files={"blob": content}), now=NOW)
    boot = _on_card(image, card.patches, tmp_path / "card.img", junk=0xA5)
    assert read_boot_file(boot, "blob") == content
    assert check_boot(boot) == ""


def test_files_that_do_not_fit_are_refused(make_image: MakeImage) -> None:
    """In time, and with what there is room for."""
    image = make_image()
    with pytest.raises(ImageError, match="cannot put big into the boot partition") as caught:
        render_card(image, CardSpec(files={"big": bytes(BOOT_MIB * MIB)}), now=NOW)
    assert "MiB free" in str(caught.value.hint)


def test_file_in_place_of_a_folder_is_refused(make_image: MakeImage) -> None:
    """Nothing is silently put into the folder instead."""
    with pytest.raises(ImageError, match="overlays"):
        render_card(make_image(), CardSpec(files={"overlays": b"x"}), now=NOW)
    with pytest.raises(ImageError, match=r"config\.txt"):
        render_card(make_image(), CardSpec(files={"config.txt/x": b"x"}), now=NOW)


def test_image_without_a_boot_partition_is_refused(make_image: MakeImage) -> None:
    """Other images may have no FAT at all, or say so and have none."""
    image = make_image("mbr")
    head = bytearray(image.head)
    head[446 + 4] = 0x83
    with pytest.raises(ImageError, match="has no FAT partition"):
        render_card(replace(image, head=bytes(head)), CardSpec(files={"a": b""}), now=NOW)
    with image.path.open("r+b") as file:
        file.seek(MIB)
        file.write(bytes(512))
    with pytest.raises(ImageError, match="has no FAT file system"):
        render_card(image, CardSpec(files={"a": b""}), now=NOW)


def test_missing_mtools_is_said_with_the_package(
    make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of the host that is not there."""
    image = make_image()
    monkeypatch.setattr("shutil.which", lambda *_arguments, **_more: None)
    with pytest.raises(ToolError) as caught:
        render_card(image, CardSpec(files={"a": b""}), now=NOW)
    assert caught.value.hint == "sudo apt install mtools"


def test_cards_of_one_renderer_do_not_mix(make_image: MakeImage, tmp_path: Path) -> None:
    """Each has its own files and none of another's, and nothing is left behind."""
    image = make_image(free=FREE)
    with CardRenderer(image) as renderer:
        cards = [
            renderer.render(CardSpec(files={f"n{at}": b"%d" % at}), now=NOW) for at in range(3)
        ]
    for at, card in enumerate(cards):
        boot = _on_card(image, card.patches, tmp_path / "card.img")
        listed = subprocess.run(
            ["mdir", "-b", "-i", boot, "::/"], capture_output=True, text=True, check=True
        )
        assert [name for name in listed.stdout.split() if "/n" in name] == [f"::/n{at}"]


def test_nothing_is_left_in_the_cache(
    make_image: MakeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by a process that was killed: a card's files may well be secret."""
    monkeypatch.setenv("EDGECTL_CACHE", str(tmp_path / "cache"))
    left = tmp_path / "cache/boot-4194305-x"  # above the largest number of a process
    left.mkdir(parents=True)
    (left / "card.img").touch()
    render_card(make_image(), CardSpec(files={"a": b""}), now=NOW)
    assert list((tmp_path / "cache").iterdir()) == []


_names = st.text("abcXYZ019_-", min_size=1, max_size=20)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files=st.dictionaries(_names.map(str.lower), st.binary(max_size=70_000), max_size=4))
def test_any_files_come_back(
    make_image: MakeImage, tmp_path: Path, files: dict[str, bytes]
) -> None:
    """Of any name and content; the file system stays sound."""
    image = make_image(free=FREE)
    card = render_card(image, CardSpec(files=files), now=NOW)
    boot = _on_card(image, card.patches, tmp_path / "card.img", junk=0xFF)
    assert {name: read_boot_file(boot, name) for name in files} == files
    assert check_boot(boot) == ""
