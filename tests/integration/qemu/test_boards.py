# SPDX-License-Identifier: Apache-2.0
"""Images of real boards, unchanged, in every emulator that their profiles name."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from boards.catalog import all_profiles, load_profile
from edge.provision.emulator.choice import choose_emulator, is_new_enough
from tests.integration.qemu.test_board import run_module

pytestmark = [pytest.mark.qemu, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a board must show in an emulator."""

    board: str
    emulator: str
    stages: tuple[str, ...]
    console: tuple[str, ...]
    """Parts of lines that the two serial ports must have."""
    disk: str
    disk_path: str
    driver: str
    model: str

    def __str__(self) -> str:
        return f"{self.board}-{self.emulator}"


_NODE = ("kernel", "loader", "root", "init", "machined", "maintenance")
_U_BOOT = ("u-boot", "efi-stub", *_NODE)
EXPECTATIONS = (
    Expectation(
        board="rpi4",
        emulator="raspi4b",
        stages=_U_BOOT,
        console=("RPI 4 Model B", "console=ttyS1,115200", "(hd0,gpt2)/A/vmlinuz"),
        disk="mmcblk0",
        disk_path="fe300000.mmc",
        driver="cdc_ether",
        model="Raspberry Pi 4 Model B",
    ),
    Expectation(
        board="rpi3",
        emulator="raspi3b",
        stages=_U_BOOT,
        console=("console=ttyS1,115200", "(hd0,msdos2)/A/vmlinuz"),
        disk="mmcblk0",
        disk_path="3f202000.mmc",
        driver="cdc_ether",
        model="Raspberry Pi 3 Model B",
    ),
    Expectation(
        board="qemu-arm64",
        emulator="u-boot",
        stages=_U_BOOT,
        console=("DRAM:", "console=ttyAMA0,115200", "(hd0,gpt2)/A/vmlinuz"),
        disk="vda",
        disk_path="virtio0",
        driver="virtio_net",
        model="Unknown Product",
    ),
    Expectation(
        board="generic-arm64",
        emulator="edk2",
        stages=("uefi", "efi-stub", *_NODE),
        console=("UEFI firmware", "console=ttyAMA0,115200", "(hd0,gpt2)/A/vmlinuz"),
        disk="nvme0n1",
        disk_path="nvme",
        driver="e1000e",
        model="QEMU Virtual Machine",
    ),
    Expectation(
        board="generic-amd64",
        emulator="ovmf",
        stages=("uefi", *_NODE),
        console=("console=ttyS0,115200", "(hd0,gpt3)/A/vmlinuz"),
        disk="nvme0n1",
        disk_path="nvme",
        driver="e1000e",
        model="Standard PC",
    ),
)
# Shown by test_board and test_card, or by the board that this one extends.
ELSEWHERE = {("qemu-arm64", "edk2"), ("qemu-amd64", "ovmf"), ("nuc", "ovmf")}
SLOW = (("qemu-raspi4b", "raspi4b"),)


def boot(board: str, emulator: str, home: Path) -> dict[str, Any]:
    """Return what was seen while the board booted; its API answered."""
    _skip_without_machine(board, emulator)
    module = "tests.integration.qemu.boot_board"
    done = run_module(module, "--board", board, "--emulator", emulator, home=home)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _skip_without_machine(board: str, emulator: str) -> None:
    machine = choose_emulator(load_profile(board), emulator)
    if not is_new_enough(machine):
        pytest.skip(f"this QEMU has no {machine.machine}; `python3 dev.py emulators` helps")


@pytest.mark.parametrize("expected", EXPECTATIONS, ids=str)
def test_image_boots_to_the_maintenance_api(expected: Expectation, tmp_path: Path) -> None:
    """Every stage in order on the profile's own console; disk, network and model by the API."""
    seen = boot(expected.board, expected.emulator, tmp_path)
    stages = [name for name in seen["stages"] if not name.endswith("-error")]
    assert [name for name in stages if name in expected.stages] == list(expected.stages), stages
    assert not any(name.endswith("-failed") for name in stages), stages
    for text in expected.console:
        assert text in seen["console"] + seen["other_port"], text
    assert seen["marker"].startswith("edge: maintenance")
    assert seen["node"]["board"] == expected.board
    assert expected.disk_path in seen["disks"][expected.disk]["bus_path"]
    cards = {link["driver"] for link in seen["links"].values() if link["type"] == "ether"}
    assert expected.driver in cards
    assert expected.model in seen["system"]["productName"]


@pytest.mark.slow
@pytest.mark.parametrize(("board", "emulator"), SLOW)
def test_the_other_console_works_as_well(board: str, emulator: str, tmp_path: Path) -> None:
    """With Bluetooth off the PL011 is the console, from U-Boot to the node."""
    seen = boot(board, emulator, tmp_path)
    assert seen["node"]["board"] == board
    assert "console=ttyAMA0,115200" in seen["console"]
    assert seen["marker"].startswith("edge: maintenance")


def test_every_emulator_of_every_profile_is_booted() -> None:
    """A profile that names an emulator is tried in it."""
    named = {(profile.name, each.name) for profile in all_profiles() for each in profile.emulators}
    booted = {(each.board, each.emulator) for each in EXPECTATIONS}
    assert named == booted | ELSEWHERE | set(SLOW)
