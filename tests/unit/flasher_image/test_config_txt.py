# SPDX-License-Identifier: Apache-2.0
"""config.txt: the profile's lines with their reasons, and the user's own behind them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.boot import ConfigLine
from edge.errors import ConfigError
from flasher.image.config_txt import LONGEST_LINE, render_config, slot_lines

LINES = (
    ConfigLine(line="arm_64bit=1"),
    ConfigLine(line="kernel=u-boot.bin", reason="The firmware starts U-Boot. " * 6),
    ConfigLine(line="otg_mode=1", section="cm4"),
)


def test_lines_stand_under_their_filter_and_the_last_filter_is_all() -> None:
    """What comes later must not fall under the filter of one model."""
    lines = [line for line in render_config(LINES).splitlines() if not line.startswith("#")]
    assert lines == ["[all]", "arm_64bit=1", "kernel=u-boot.bin", "[cm4]", "otg_mode=1", "[all]"]


def test_filters_do_not_add_up() -> None:
    """A line for a model must not hang on the pin that the line before it asks for."""
    pin = ConfigLine(line="hdmi_group=1", section="gpio4=1")
    lines = [line for line in render_config((pin, LINES[2])).splitlines() if line[0] != "#"]
    assert lines == ["[gpio4=1]", "hdmi_group=1", "[all]", "[cm4]", "otg_mode=1", "[all]"]


def test_the_users_lines_come_last_and_count_for_every_model() -> None:
    """The last value of a setting is the one that holds."""
    text = render_config(LINES, "gpu_mem=64\n[pi4]\nover_voltage=2\n")
    assert text.index("otg_mode=1") < text.index("gpu_mem=64")
    assert text.endswith("over_voltage=2\n[all]\n")


def test_a_line_that_the_firmware_would_cut_is_refused() -> None:
    """A setting that is silently shortened is worse than none."""
    with pytest.raises(ConfigError, match=r"line 2 of your config\.txt has 120 characters"):
        render_config(LINES, "a=1\n" + "b" * 120)


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=300)))
def test_no_line_is_longer_than_the_firmware_reads(reasons: list[str]) -> None:
    """However long the reasons are, they are wrapped."""
    lines = [ConfigLine(line=f"key{n}=1", reason=text) for n, text in enumerate(reasons)]
    rendered = render_config(lines).splitlines()
    assert all(len(line) <= LONGEST_LINE for line in rendered)
    assert [line for line in rendered if line.startswith("key")] == [each.line for each in lines]


def test_a_slot_is_a_prefix_of_all_that_the_firmware_loads() -> None:
    """Changing the slot is changing one line."""
    one, other = render_config(slot_lines("A")), render_config(slot_lines("B"))
    assert "os_prefix=A/\nkernel=vmlinuz\ninitramfs initramfs followkernel\n" in one
    assert one.replace("A/", "B/") == other
