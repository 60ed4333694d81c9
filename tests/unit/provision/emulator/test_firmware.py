# SPDX-License-Identifier: Apache-2.0
"""Device trees bent to what the emulator has."""

import re
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from boards.catalog import all_profiles, load_profile
from edge.errors import BoardError
from edge.provision.emulator.choice import choose_emulator
from edge.provision.emulator.firmware import bend_tree, prepare_firmware

TREES = resources.files("edge.provision.emulator") / "trees"
NAMES = sorted(path.name.removesuffix(".dts") for path in TREES.iterdir() if "dts" in path.name)


def board_tree(folder: Path, overlay: str) -> Path:
    """Return a tree that has every label that the overlay changes, all of them enabled."""
    text = (TREES / f"{overlay}.dts").read_text()
    labels = sorted(set(re.findall(r"&(\w+)", text)))
    nodes = "".join(f'{label}: node-{label} {{ status = "okay"; }};\n' for label in labels)
    tree = folder / "board.dtb"
    command = ["dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", str(tree), "-"]
    subprocess.run(command, input=f"/dts-v1/; / {{ {nodes} }};", text=True, check=True)
    return tree


def read(tree: Path, node: str, name: str) -> str:
    """Return a property as text."""
    command = ["fdtget", str(tree), f"/node-{node}", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("overlay", NAMES)
def test_the_watchdog_is_off_and_usb_is_linux_alone(tmp_path: Path, overlay: str) -> None:
    """Both Pis restart at once with the first, and lose their network without the second."""
    bent = bend_tree(board_tree(tmp_path, overlay), overlay, tmp_path)
    assert read(bent, "pm", "status") == "disabled"
    assert read(bent, "usb", "compatible") == "amcc,dwc-otg"
    assert read(bent, "uart1", "compatible").split() == ["brcm,bcm2835-aux-uart", "ns16550a"]
    assert read(bent, "uart1", "interrupts") == ""


def test_an_overlay_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before anything is run."""
    with pytest.raises(BoardError, match="no device-tree overlay 'raspi9'"):
        bend_tree(tmp_path / "tree.dtb", "raspi9", tmp_path)


def test_every_overlay_that_a_profile_names_is_there() -> None:
    """And every one that is there is used."""
    emulators = [each for profile in all_profiles() for each in profile.emulators]
    named = {each.firmware.device_tree_overlay for each in emulators}
    assert named - {None} == set(NAMES)


def test_flash_variables_outlive_a_power_cut(tmp_path: Path) -> None:
    """They are copied once, the code is used where it is."""
    emulator = choose_emulator(load_profile("qemu-amd64"))
    code, template = tmp_path / "code.fd", tmp_path / "template.fd"
    template.write_bytes(b"empty")
    paths = {"flash_code": str(code), "flash_vars": str(template)}
    firmware = emulator.firmware.model_copy(update=paths)
    emulator = emulator.model_copy(update={"firmware": firmware})
    first = prepare_firmware(emulator, tmp_path / "disk", tmp_path)
    assert first.flash_vars
    first.flash_vars.write_bytes(b"written")
    again = prepare_firmware(emulator, tmp_path / "disk", tmp_path)
    assert again == first
    assert first.flash_vars.read_bytes() == b"written"
