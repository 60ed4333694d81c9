# SPDX-License-Identifier: Apache-2.0
"""Boards of the user's own: found, named with their place, and never in each other's way."""

import os
from pathlib import Path

import pytest

from boards.catalog import (
    SHIPPED,
    all_profiles,
    board_names,
    faulty_boards,
    find_boards,
    load_profile,
)
from edge.errors import BoardError, ConfigError

DERIVED = "name: {name}\ntitle: Mine\nextends: {base}\n"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty folder of the user's boards."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    monkeypatch.delenv("EDGECTL_BOARDS", raising=False)
    folder = tmp_path / "boards"
    folder.mkdir()
    return folder


def add(folder: Path, name: str, base: str = "rpi4", more: str = "") -> Path:
    """Write a board that extends another."""
    path = folder / f"{name}.yaml"
    path.write_text(DERIVED.format(name=name, base=base) + more)
    return path


def test_a_board_of_ones_own_is_found_and_extends_a_shipped_one(mine: Path) -> None:
    """It has what its base has, but for what tells boards apart."""
    path = add(mine, "shop", more="console: {device: ttyUSB0}\n")
    shop = load_profile("shop")
    assert find_boards().files["shop"] == path
    assert shop.kernel == load_profile("rpi4").kernel
    assert (shop.console.device, shop.console.baud) == ("ttyUSB0", 115200)
    assert shop.match.compatible == ()


def test_other_folders_are_searched_after_the_first(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EDGECTL_BOARDS names more folders; the second of one name is left out and named."""
    other, third = tmp_path / "other", tmp_path / "third"
    other.mkdir()
    monkeypatch.setenv("EDGECTL_BOARDS", f"{other}:{third}")
    first, second = add(mine, "shop"), add(other, "shop")
    add(other, "stall")
    assert {"shop", "stall"} <= set(board_names())
    assert find_boards().files["shop"] == first
    (error,) = (faulty_boards()[second],)
    assert "is in" in error.message


def test_a_broken_board_breaks_no_other(mine: Path) -> None:
    """The rest is listed; the broken one is told of with what to type."""
    add(mine, "good")
    broken = mine / "broken.yaml"
    broken.write_text("a: [")
    binary = mine / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    lost = add(mine, "lost", base="nowhere")
    named = {each.name for each in all_profiles()}
    assert {"good", "rpi4"} <= named
    assert not named & {"broken", "lost", "binary"}
    faults = faulty_boards()
    assert set(faults) == {broken, lost, binary}
    assert all(str(error.hint).startswith("edgectl boards validate") for error in faults.values())
    with pytest.raises(ConfigError):
        load_profile("broken")


def test_a_shipped_name_is_taken_only_by_who_says_so(mine: Path) -> None:
    """A file called after a board of ours is left out, unless it replaces it."""
    path = add(mine, "rpi4")
    assert find_boards().files["rpi4"].parent == SHIPPED
    assert "replaces: true" in str(faulty_boards()[path].hint)
    own = "replaces: true\nsummary: Ours.\npartition_table: {efi_mib: 64}\n"
    add(mine, "rpi4", more=own)
    assert find_boards().files["rpi4"] == path
    assert load_profile("rpi4").summary == "Ours."
    assert load_profile("rpi3").partition_table.efi_mib == 256  # of the shipped one
    assert faulty_boards() == {}


def test_a_circle_of_boards_is_told_with_its_names(mine: Path) -> None:
    """Two boards that extend each other are both named."""
    add(mine, "one", base="two")
    add(mine, "two", base="one")
    with pytest.raises(ConfigError, match="circle: one -> two -> one"):
        load_profile("one")


def test_a_board_cannot_extend_itself(mine: Path) -> None:
    """The shortest circle."""
    add(mine, "one", base="one")
    with pytest.raises(ConfigError, match="circle: one -> one"):
        load_profile("one")


def test_a_file_is_called_after_its_board(mine: Path) -> None:
    """Another name inside is an error, another suffix too."""
    (mine / "shop.yaml").write_text(DERIVED.format(name="store", base="rpi4"))
    with pytest.raises(ConfigError, match="describes board 'store'"):
        load_profile("shop")
    wrong = mine / "stall.yml"
    wrong.write_text(DERIVED.format(name="stall", base="rpi4"))
    assert faulty_boards()[wrong].hint == "call it stall.yaml"


def test_changes_of_a_file_are_seen(mine: Path) -> None:
    """What was read once is read again when it changed."""
    path = add(mine, "shop")
    assert load_profile("shop").title == "Mine"
    path.write_text(path.read_text().replace("Mine", "Changed"))
    os.utime(path, ns=(0, 0))
    assert load_profile("shop").title == "Changed"
    with pytest.raises(BoardError, match="unknown board 'shopp'"):
        load_profile("shopp")
