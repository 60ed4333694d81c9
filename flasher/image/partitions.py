# SPDX-License-Identifier: Apache-2.0
"""The trees of files that become the EFI and BOOT partitions.

Two boot chains: GRUB as an EFI program reads slots from BOOT; the firmware of newer Raspberry Pis
reads them from the EFI partition itself, below `A/` and `B/`.
"""

import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from boards.profile import Profile
from edge.errors import ImageError
from flasher.image import grub
from flasher.image.config_txt import CONFIG, USER_CONFIG, render_config
from flasher.image.devicetree import merge_overlays
from flasher.image.inputs import Inputs
from flasher.image.slot import Slot
from flasher.image.wishes import Wishes

USER_ARGUMENTS = "user-cmdline.txt"
_ARGUMENTS = ("ro", "panic=10", "loglevel=6", "consoleblank=0")
_FIRST_SLOT = grub.SLOTS[0]


def make_efi_tree(
    profile: Profile,
    wishes: Wishes,
    inputs: Inputs,
    slot: Slot,
    work: Path,
    *,
    boot_partition: str,
    boot_uuid: str,
) -> Path:
    """Make the files of the EFI partition and return their folder.

    `boot_partition` is the BOOT partition as GRUB calls it.

    Raises:
        ImageError: when a file is missing or an overlay does not fit.
    """
    tree = work / "efi"
    tree.mkdir()
    for package, path, targets in _packaged_files(profile):
        for target in targets:
            _place(inputs.package_file(package, path), tree / target)
    direct = profile.loader.kind == "rpi-direct"
    _add_device_trees(profile, inputs, tree / _FIRST_SLOT if direct else tree, work)
    if profile.config_txt:
        (tree / CONFIG).write_text(render_config(profile.config_txt, wishes.config_txt))
        (tree / USER_CONFIG).write_text(wishes.config_txt)
    if direct:
        _add_direct_slot(profile, wishes, slot, tree)
    else:
        config = grub.loader_config(boot_partition=boot_partition, boot_uuid=boot_uuid)
        _write(tree / grub.LOADER_CONFIG, config)
        _write(tree / grub.USER_CONFIG, grub.user_config(wishes.arguments, wishes.grub_cfg))
        (tree / grub.GRUBENV).write_bytes(grub.grubenv({"edge_default": _FIRST_SLOT}))
    return tree


def make_boot_tree(profile: Profile, slot: Slot, work: Path) -> Path:
    """Make the files of the BOOT partition, which GRUB reads, and return their folder."""
    tree = work / "boot"
    for name in (*grub.SLOTS, "grub"):
        (tree / name).mkdir(parents=True)
    slot.kernel.rename(tree / _FIRST_SLOT / "vmlinuz")
    slot.initramfs.rename(tree / _FIRST_SLOT / "initramfs")
    config = grub.boot_config(
        arguments=kernel_arguments(profile), device_tree=profile.loader.device_tree
    )
    (tree / grub.BOOT_CONFIG).write_text(config)
    return tree


def kernel_arguments(profile: Profile) -> tuple[str, ...]:
    """Return what every kernel of this board is started with."""
    # The last console named is the one that programs write to.
    console = f"console={profile.console.device},{profile.console.baud}"
    return (*profile.kernel.cmdline, console, *_ARGUMENTS, f"edge.board={profile.name}")


def _packaged_files(profile: Profile) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    loader = profile.loader
    if loader.path:
        yield loader.package, loader.path, loader.targets
    yield from ((each.package, each.path, each.targets) for each in profile.efi_files)


def _add_device_trees(profile: Profile, inputs: Inputs, tree: Path, work: Path) -> None:
    overlays = [_overlay_file(overlay.source) for overlay in profile.chosen_overlays]
    for source, targets in _device_trees(profile, inputs):
        for target in targets:
            merge_overlays(source, overlays, tree / target, work)


def _device_trees(profile: Profile, inputs: Inputs) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for each in profile.device_trees:
        yield inputs.kernel.device_tree(each.path), each.targets
    for piece in profile.pieces:
        if piece.form == "device-tree" and piece.name in inputs.pieces:
            yield inputs.pieces[piece.name], piece.targets


def _add_direct_slot(profile: Profile, wishes: Wishes, slot: Slot, tree: Path) -> None:
    folder = tree / _FIRST_SLOT
    folder.mkdir(exist_ok=True)
    slot.kernel.rename(folder / "vmlinuz")
    slot.initramfs.rename(folder / "initramfs")
    mine = (*kernel_arguments(profile), f"edge.slot={_FIRST_SLOT}")
    (folder / "cmdline.txt").write_text(" ".join((*mine, *wishes.arguments)) + "\n")
    (tree / USER_ARGUMENTS).write_text(" ".join(wishes.arguments) + "\n")


def _overlay_file(source: str) -> Path:
    path = Path(str(resources.files("overlays"))) / source
    if not path.is_file():
        raise ImageError(f"there is no overlays/{source}")
    return path


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
