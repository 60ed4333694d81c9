# SPDX-License-Identifier: Apache-2.0
"""Which emulator is used, and what is said when something of it is not there."""

from pathlib import Path

import pytest

from boards.catalog import load_profile
from boards.emulator import Emulator
from edge.errors import BoardError, ToolError
from edge.provision.emulator.choice import check_emulator, choose_emulator, is_new_enough


def fake_qemu(folder: Path, version: str) -> Emulator:
    """Return the Pi 4's emulator with a program that only tells its version."""
    program = folder / "qemu"
    program.write_text(f"#!/bin/sh\necho 'QEMU emulator version {version} (Debian)'\n")
    program.chmod(0o755)
    emulator = choose_emulator(load_profile("rpi4"))
    return emulator.model_copy(update={"program": str(program)})


def test_the_first_emulator_is_the_usual_one() -> None:
    """Others are chosen by name."""
    profile = load_profile("qemu-arm64")
    assert choose_emulator(profile).name == "edk2"
    assert choose_emulator(profile, "u-boot").name == "u-boot"


def test_a_wrong_name_is_told_the_right_ones() -> None:
    """The hint lists the board's emulators."""
    with pytest.raises(BoardError, match="no emulator 'vmware'") as caught:
        choose_emulator(load_profile("qemu-arm64"), "vmware")
    assert caught.value.hint == "emulators of qemu-arm64: edk2, u-boot"


def test_a_board_without_an_emulator_says_so() -> None:
    """There is none for a Pi 5."""
    with pytest.raises(BoardError, match="rpi5 has no emulator") as caught:
        choose_emulator(load_profile("rpi5"))
    assert "rpi4" in (caught.value.hint or "")
    assert "rpi5" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("version", "is_enough"),
    [("7.2.22", False), ("8.2", False), ("9.0.0", True), ("9.2", True), ("10.0.2", True)],
)
def test_versions_are_compared_as_numbers(tmp_path: Path, version: str, is_enough: bool) -> None:
    """The tenth is newer than the ninth."""
    assert is_new_enough(fake_qemu(tmp_path, version)) is is_enough


def test_an_old_qemu_is_told_what_to_do(tmp_path: Path) -> None:
    """The machine, the version that it takes, the version there is, and where a newer one is."""
    with pytest.raises(
        ToolError, match=r"raspi4b takes QEMU 9\.0 or later, this is 7\.2"
    ) as caught:
        check_emulator(fake_qemu(tmp_path, "7.2"))
    assert "backports" in (caught.value.hint or "")


def test_a_program_that_is_no_emulator_is_told(tmp_path: Path) -> None:
    """One without a version cannot be judged."""
    emulator = fake_qemu(tmp_path, "unknown")
    with pytest.raises(ToolError, match="does not tell its version"):
        check_emulator(emulator)


def test_missing_programs_and_firmware_are_named() -> None:
    """With the package to install."""
    emulator = choose_emulator(load_profile("qemu-arm64"))
    absent = emulator.model_copy(update={"program": "qemu-of-nowhere"})
    with pytest.raises(ToolError, match="qemu-of-nowhere is missing") as caught:
        check_emulator(absent)
    assert caught.value.hint == "sudo apt install qemu-system-arm"
    bios = emulator.firmware.model_copy(update={"bios": "/nonexistent/bios"})
    with pytest.raises(ToolError, match="/nonexistent/bios is missing") as caught:
        check_emulator(emulator.model_copy(update={"firmware": bios}))
    assert caught.value.hint == "sudo apt install qemu-efi-aarch64"
