# SPDX-License-Identifier: Apache-2.0
"""What the machine starts with: firmware of this host, or the loader of the very image."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from boards.emulator import Emulator
from edge.errors import BoardError
from edge.provision.emulator.card import copy_once, take_file
from flasher.tool import run_tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """Files for the command line; which of them are set tells the way."""

    bios: Path | None = None
    flash_code: Path | None = None
    flash_vars: Path | None = None
    kernel: Path | None = None
    device_tree: Path | None = None


def prepare_firmware(emulator: Emulator, disk: Path, folder: Path) -> Firmware:
    """Return the machine's firmware, with files of its own in `folder`.

    Files of the image are taken anew each time, because the node may have replaced them.

    Raises:
        BoardError: when the profile names an overlay that there is not.
        ImageError, ToolError: when the disk does not hold what the profile names.
    """
    firmware = emulator.firmware
    if firmware.bios:
        return Firmware(bios=Path(firmware.bios))
    if firmware.flash_code and firmware.flash_vars:
        variables = copy_once(Path(firmware.flash_vars), folder / "vars.fd")
        return Firmware(flash_code=Path(firmware.flash_code), flash_vars=variables)
    assert firmware.kernel, "the profile model wants one of the three"
    kernel = take_file(disk, firmware.kernel, folder)
    if firmware.device_tree is None:
        return Firmware(kernel=kernel)
    tree = take_file(disk, firmware.device_tree, folder)
    if firmware.device_tree_overlay:
        tree = bend_tree(tree, firmware.device_tree_overlay, folder)
    return Firmware(kernel=kernel, device_tree=tree)


def bend_tree(tree: Path, overlay: str, folder: Path) -> Path:
    """Return `tree` with the emulator's overlay merged, so that it tells what QEMU emulates.

    Raises:
        BoardError: when there is no such overlay.
        ToolError: when it cannot be merged.
    """
    source = resources.files(__package__) / "trees" / f"{overlay}.dts"
    if not source.is_file():
        raise BoardError(f"there is no device-tree overlay {overlay!r} for emulators")
    compiled, bent = folder / f"{overlay}.dtbo", folder / "emulated.dtb"
    text = source.read_text()
    run_tool("dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", compiled, "-", text_in=text)
    run_tool("fdtoverlay", "-i", tree, "-o", bent, compiled)
    return bent
