# SPDX-License-Identifier: Apache-2.0
"""What every shipped profile has to say, so that no buyer's question is left open."""

import pytest

from boards.catalog import all_profiles
from boards.profile import Profile

ASKED = (
    "network",
    "Wi-Fi",
    "NVMe",
    "USB",
    "screen",
    "serial console",
    "temperature",
    "fan",
    "watchdog",
    "power button",
    "clock (RTC)",
    "GPIO, I2C, SPI",
    "Secure Boot",
)
DISKS = {"disk", "SD card"}

every_board = pytest.mark.parametrize("profile", all_profiles(), ids=lambda each: each.name)


@every_board
def test_every_question_of_a_buyer_is_answered(profile: Profile) -> None:
    """Each feature once, with a sentence."""
    told = [each.feature for each in profile.works]
    assert set(ASKED) <= set(told)
    assert DISKS & set(told)
    assert len(told) == len(set(told))
    assert all(each.text.endswith(".") for each in profile.works)
    assert profile.models
    assert profile.pitfalls
    assert profile.boot_chain
    assert profile.platform.text


@every_board
def test_every_statement_says_how_it_is_known(profile: Profile) -> None:
    """Statements of packages and emulators are no default; nothing is left without a word."""
    facts = [*profile.works, *profile.pitfalls, *profile.boot_chain, *profile.usb]
    facts += [profile.platform, profile.kernel, profile.partition_table, profile.loader]
    facts += [profile.console, profile.install_disk, *profile.pieces, *profile.device_trees]
    facts += [
        *profile.sensors,
        *profile.emulators,
        *([profile.watchdog] if profile.watchdog else []),
    ]
    silent = [fact for fact in facts if "evidence" not in fact.model_fields_set]
    assert silent == []


@every_board
def test_what_is_emulated_has_an_emulator(profile: Profile) -> None:
    """Nobody has seen a Jetson in an emulator."""
    if profile.soc in {"bcm2712", "tegra210", "tegra194", "tegra234"}:
        assert not [each for each in profile.works if each.evidence == "emulated"]
        assert profile.emulators == ()


@every_board
def test_the_watchdog_is_in_the_image_where_one_is_promised(profile: Profile) -> None:
    """Its module goes along, and a board without one says so."""
    states = {each.feature: each.state for each in profile.works}
    if profile.watchdog:
        assert profile.watchdog.module in profile.kernel.modules
        assert states["watchdog"] == "works"
    else:
        assert (
            profile.kernel.origin == "file"
            or states["watchdog"] != "works"
            or profile.match.fallback
        )


@every_board
def test_drivers_that_are_needed_go_along(profile: Profile) -> None:
    """What reaches the disk and the network is in the image."""
    needs = profile.kernel.needs
    assert set(needs.modules) <= set(profile.kernel.modules)
    assert needs.disk
    assert needs.network


@every_board
def test_tiers_are_what_they_mean(profile: Profile) -> None:
    """A: stable and testing alone; C: something comes from the user."""
    supplied = any(piece.required for piece in profile.pieces)
    assert (profile.tier == "C") == supplied
    if profile.tier == "A":
        assert profile.kernel.origin == "stable"


@every_board
def test_pieces_say_where_they_come_from_and_what_to_do(profile: Profile) -> None:
    """A missing one is explained by its own words."""
    for piece in profile.pieces:
        assert piece.title
        assert piece.origin
        assert piece.action


@every_board
def test_only_the_oldest_boot_rom_gets_an_mbr(profile: Profile) -> None:
    """One layout for all but those whose ROM reads nothing else."""
    assert profile.partition_table.kind == ("mbr" if profile.soc == "bcm2837" else "gpt")


def test_boards_of_raspberry_pi_have_a_fat32_by_its_size() -> None:
    """The firmware tells FAT16 from FAT32 by the number of clusters."""
    for profile in all_profiles():
        if profile.soc.startswith("bcm"):
            assert profile.partition_table.efi_mib >= 256
