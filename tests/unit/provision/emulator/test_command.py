# SPDX-License-Identifier: Apache-2.0
"""Machine descriptions as command lines of QEMU, held against golden files."""

from dataclasses import replace
from pathlib import Path

import pytest

from boards.catalog import all_profiles, load_profile
from boards.emulator import Emulator
from edge.provision.emulator.choice import choose_emulator
from edge.provision.emulator.command import Wiring, command_line
from edge.provision.emulator.firmware import Firmware

GOLDEN = Path(__file__).parents[3] / "golden/emulator"
EMULATORS = [(profile.name, each.name) for profile in all_profiles() for each in profile.emulators]


def firmware_of(emulator: Emulator) -> Firmware:
    """Return the firmware that the profile names, without taking it from anywhere."""
    fields = ("bios", "flash_code", "flash_vars", "kernel", "device_tree")
    named = {name: getattr(emulator.firmware, name) for name in fields}
    return Firmware(**{name: Path(value) for name, value in named.items() if value})


def wiring(console: str, link: str | None = "edge0") -> Wiring:
    """Return a machine's connections."""
    return Wiring(
        disk=Path("card.img"),
        link=link,
        mac="52:54:00:ed:9e:01",
        console=console,
        log_of_other_port=Path("other.log"),
    )


@pytest.mark.parametrize(("board", "name"), EMULATORS)
def test_command_line_of_every_emulator(board: str, name: str) -> None:
    """As in the golden file; delete that after a wanted change and run this twice."""
    profile = load_profile(board)
    emulator = choose_emulator(profile, name)
    words = command_line(emulator, firmware_of(emulator), wiring(profile.console.device))
    printed = " ".join(words).replace(" -", "\n-") + "\n"
    golden = GOLDEN / f"{board}-{name}.txt"
    if not golden.exists():
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(printed)
        pytest.fail(f"{golden.name} was not there and is written; look at it and run again")
    assert printed == golden.read_text()


def test_comma_in_a_path_ends_no_option() -> None:
    """A folder's name cannot become an option of the disk."""
    emulator = choose_emulator(load_profile("qemu-arm64"))
    line = replace(wiring("ttyAMA0"), disk=Path("a,readonly=on/card.img"))
    words = command_line(emulator, firmware_of(emulator), line)
    assert any("file=a,,readonly=on/card.img" in each for each in words)


@pytest.mark.parametrize(
    ("console", "ports"),
    [
        ("ttyAMA0", ["chardev:con", "file:other.log"]),
        ("ttyS1", ["file:other.log", "chardev:con"]),
        ("ttyUSB0", ["chardev:con", "file:other.log"]),
    ],
)
def test_the_boards_console_is_followed(console: str, ports: list[str]) -> None:
    """Whichever port of the machine it is; the other one is kept in a file."""
    emulator = choose_emulator(load_profile("rpi4"))
    words = command_line(emulator, Firmware(kernel=Path("u-boot.bin")), wiring(console))
    assert [words[at + 1] for at, word in enumerate(words) if word == "-serial"] == ports


def test_without_a_cable_there_is_no_network_card() -> None:
    """QEMU would otherwise make one of its own."""
    profile = load_profile("qemu-arm64")
    emulator = choose_emulator(profile)
    words = command_line(emulator, firmware_of(emulator), wiring("ttyAMA0", link=None))
    assert "-netdev" not in words
    assert words[words.index("-nic") + 1] == "none"
