# SPDX-License-Identifier: Apache-2.0
"""What is agreed before a build begins: overlays, arguments, additions that the board reads."""

from pathlib import Path

import pytest

from boards.catalog import load_profile
from edge.errors import BoardError, InputError
from flasher.image.design import make_design
from flasher.image.wishes import Wishes
from overlays.choice import parse_choice


@pytest.mark.parametrize("board", ["rpi4", "rpi5"])
@pytest.mark.parametrize("argument", ["a b", "a'b", 'a"b', "a\\b", "a\n", "", "a;b", "$a"])
def test_arguments_that_a_loader_would_read_otherwise_are_refused(
    board: str, argument: str
) -> None:
    """An argument never becomes two, nor a command, with GRUB or without."""
    with pytest.raises(InputError, match="kernel argument"):
        make_design(load_profile(board), Wishes(arguments=(argument,)))


@pytest.mark.parametrize(
    ("board", "wishes", "fault"),
    [
        ("rpi5", Wishes(grub_cfg="set pager=1"), "starts its kernel without GRUB"),
        ("nuc", Wishes(config_txt="gpu_mem=64"), r"has no config\.txt"),
    ],
)
def test_additions_that_nothing_reads_are_refused(board: str, wishes: Wishes, fault: str) -> None:
    """What is asked for is either done or refused."""
    with pytest.raises(BoardError, match=fault):
        make_design(load_profile(board), wishes)


def test_an_overlay_moves_the_console_and_brings_its_drivers() -> None:
    """The overlay that frees the better serial port makes it the console too."""
    plain = make_design(load_profile("rpi4"), Wishes())
    choices = (parse_choice("disable-bt"), parse_choice("gpio-fan"))
    chosen = make_design(load_profile("rpi4"), Wishes(overlays=choices))
    assert (plain.console.device, chosen.console.device) == ("ttyS1", "ttyAMA0")
    assert "gpio_fan" in chosen.module_names


def test_overlays_need_a_tree_to_be_merged_into(tmp_path: Path) -> None:
    """A board whose firmware brings the tree cannot have overlays merged here."""
    (tmp_path / "mine.dts").write_text("/dts-v1/;\n/plugin/;\n")
    wishes = Wishes(overlays=(parse_choice(str(tmp_path / "mine.dts")),))
    with pytest.raises(BoardError, match="takes its device tree from its firmware"):
        make_design(load_profile("nuc"), wishes)
