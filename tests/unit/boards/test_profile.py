# SPDX-License-Identifier: Apache-2.0
"""Board profiles: what ships is sound, and what is wrong is named all at once."""

from importlib.resources import files
from pathlib import Path

import pytest

from boards.catalog import all_profiles, board_names, load_profile, parse_profile
from boards.profile import Profile
from edge.errors import BoardError, ConfigError
from flasher.image.config_txt import LONGEST_LINE, render_config
from overlays.choice import parse_choice
from overlays.resolve import resolve_all

REPOSITORY = Path(__file__).parents[3]


def test_every_shipped_profile_is_valid() -> None:
    """The catalogue holds the boards of this release and each parses."""
    assert {"nuc", "qemu-amd64", "qemu-arm64", "rpi4"} <= {each.name for each in all_profiles()}


def test_an_unknown_board_is_answered_with_the_known_ones() -> None:
    """A typing error costs one look at the hint."""
    with pytest.raises(BoardError, match="unknown board 'rpi44'") as caught:
        load_profile("rpi44")
    assert caught.value.hint
    assert all(name in caught.value.hint for name in board_names())


def test_every_fault_is_reported_with_its_file_and_field() -> None:
    """A profile with three faults takes one round to mend, not three."""
    text = (files("boards") / "profiles/qemu-arm64.yaml").read_text()
    broken = (
        text.replace("arch: arm64", "arch: arm65")
        .replace("smallest_bytes: 2147483648", "smallest_bytes: many")
        .replace("kind: gpt", "kind: gpt\n  colour: blue")
    )
    with pytest.raises(ConfigError) as caught:
        parse_profile(broken, source="mine.yaml")
    fields = sorted(fault.split(": ")[1] for fault in caught.value.faults)
    assert fields == ["arch", "media.smallest_bytes", "partition_table.colour"]
    assert all(fault.startswith("mine.yaml: ") for fault in caught.value.faults)


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list", "when: 2026-01-01", ""])
def test_what_is_no_profile_at_all_is_a_plain_error(text: str) -> None:
    """Broken YAML, other shapes and values that JSON lacks raise the same kind of error."""
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        parse_profile(text, source="mine.yaml")


def test_overlays_that_profiles_choose_exist() -> None:
    """Every overlay that a board has by default is one of its family."""
    for profile in all_profiles():
        assert (
            resolve_all([parse_choice(text) for text in profile.overlays], profile.soc) is not None
        )


def test_no_code_names_a_board() -> None:
    """A new board is a new YAML file and nothing else."""
    for package in ("boards", "flasher", "overlays"):
        for path in (REPOSITORY / package).rglob("*.py"):
            text = path.read_text()
            named = [name for name in board_names() if f'"{name}"' in text]
            # What others call the boards is a translation and needs both sides.
            assert not named or path.name == "upstream.py", f"{path} names {named}"


def test_firmware_lines_are_as_short_as_the_firmware_reads() -> None:
    """The Raspberry Pi firmware cuts lines of config.txt after 98 characters."""
    for profile in all_profiles():
        lines = render_config(profile.config_txt).splitlines()
        assert all(len(line) <= LONGEST_LINE for line in lines)
        assert all(" =" not in line for line in lines if not line.startswith("#"))


def test_profiles_are_immutable() -> None:
    """A profile handed around cannot be changed by who holds it."""
    profile: Profile = load_profile("nuc")
    with pytest.raises(ValueError, match="frozen"):
        profile.name = "other"  # type: ignore[misc]
