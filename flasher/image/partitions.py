# SPDX-License-Identifier: Apache-2.0
"""The trees of files that become the EFI and BOOT partitions.

Two boot chains: GRUB as an EFI program reads slots from BOOT; the firmware of newer Raspberry Pis
reads them from the EFI partition itself, below `A/` and `B/`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from boards.profile import Profile
from flasher.image import grub
from flasher.image.config_txt import CONFIG, USER_CONFIG, render_config, slot_lines
from flasher.image.design import Design
from flasher.image.inputs import Inputs
from flasher.image.slot import Slot
from flasher.image.tree import Trees

USER_ARGUMENTS = "user-cmdline.txt"
_ARGUMENTS = ("ro", "panic=10", "loglevel=6", "consoleblank=0")
_FIRST_SLOT = grub.SLOTS[0]


def make_efi_tree(
    design: Design,
    inputs: Inputs,
    trees: Trees,
    slot: Slot,
    work: Path,
    *,
    boot_partition: str,
    boot_uuid: str,
) -> Path:
    """Make the files of the EFI partition and return their folder.

    `boot_partition` is the BOOT partition as GRUB calls it.

    Raises:
        ImageError: when a file is missing.
    """
    profile, wishes = design.profile, design.wishes
    tree = work / "efi"
    tree.mkdir()
    for package, path, targets in _packaged_files(profile):
        for target in targets:
            _place(inputs.package_file(package, path), tree / target)
    direct = profile.loader.kind == "rpi-direct"
    for name, source in trees.files.items():
        _place(source, tree / name)
        if direct:
            # The copy beside config.txt is how the firmware knows that the partition is for it.
            _place(source, tree / _FIRST_SLOT / name)
    if profile.config_txt:
        lines = (*slot_lines(_FIRST_SLOT), *profile.config_txt) if direct else profile.config_txt
        (tree / CONFIG).write_text(render_config(lines, wishes.config_txt))
        (tree / USER_CONFIG).write_text(wishes.config_txt)
    if direct:
        _add_direct_slot(design, slot, tree)
    else:
        config = grub.loader_config(boot_partition=boot_partition, boot_uuid=boot_uuid)
        _write(tree / grub.LOADER_CONFIG, config)
        _write(tree / grub.USER_CONFIG, grub.user_config(wishes.arguments, wishes.grub_cfg))
        (tree / grub.GRUBENV).write_bytes(grub.grubenv({"edge_default": _FIRST_SLOT}))
    return tree


def make_boot_tree(design: Design, slot: Slot, work: Path) -> Path:
    """Make the files of the BOOT partition, which GRUB reads, and return their folder."""
    tree = work / "boot"
    for name in (*grub.SLOTS, "grub"):
        (tree / name).mkdir(parents=True)
    slot.kernel.rename(tree / _FIRST_SLOT / "vmlinuz")
    slot.initramfs.rename(tree / _FIRST_SLOT / "initramfs")
    config = grub.boot_config(
        arguments=kernel_arguments(design), device_tree=design.profile.loader.device_tree
    )
    (tree / grub.BOOT_CONFIG).write_text(config)
    return tree


def kernel_arguments(design: Design) -> tuple[str, ...]:
    """Return what every kernel of this board is started with."""
    # The last console named is the one that programs write to.
    profile, serial = design.profile, design.console
    console = f"console={serial.device},{serial.baud}"
    return (*profile.kernel.cmdline, console, *_ARGUMENTS, f"edge.board={profile.name}")


def _packaged_files(profile: Profile) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    loader = profile.loader
    if loader.path:
        yield loader.package, loader.path, loader.targets
    yield from ((each.package, each.path, each.targets) for each in profile.efi_files)


def _add_direct_slot(design: Design, slot: Slot, tree: Path) -> None:
    wishes = design.wishes
    folder = tree / _FIRST_SLOT
    folder.mkdir(exist_ok=True)
    slot.kernel.rename(folder / "vmlinuz")
    slot.initramfs.rename(folder / "initramfs")
    mine = (*kernel_arguments(design), f"edge.slot={_FIRST_SLOT}")
    (folder / "cmdline.txt").write_text(" ".join((*mine, *wishes.arguments)) + "\n")
    (tree / USER_ARGUMENTS).write_text(" ".join(wishes.arguments) + "\n")


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
