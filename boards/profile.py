# SPDX-License-Identifier: Apache-2.0
"""A board profile: everything the toolkit knows about one kind of board, as one document."""

from typing import Literal

from pydantic import model_validator

from boards.boot import ConfigLine, Loader, PackageFile, Piece, Platform
from boards.emulator import Emulator
from boards.hardware import Console, Match, Promise, Sensor, Step, UsbId, Watchdog
from boards.kernel import DeviceTree, FirmwareFiles, Kernel
from boards.section import Fact, Name, PackageName, Section
from boards.storage import InstallDisk, Media, PartitionTable

Arch = Literal["arm64", "amd64"]
_KERNEL_FORMS = ("arm64-kernel", "module-tree")


class Profile(Section):
    """One board: identity, promises, boot chain, kernel, partitions, console, media, emulators."""

    name: Name
    title: str
    arch: Arch
    tier: Literal["A", "B", "C"]
    """A: all pieces from Debian stable, emulated. B: newer kernel or preinstalled loader, not
    emulated. C: firmware or kernel supplied by the user."""
    soc: Name
    """The family that its device trees and overlays are written for; `pc` where there are none."""
    models: tuple[str, ...] = ()
    """The hardware that it covers, as printed on the box."""
    summary: str
    works: tuple[Promise, ...] = ()
    pitfalls: tuple[Fact, ...] = ()
    match: Match = Match()
    boot_chain: tuple[Step, ...] = ()
    platform: Platform
    pieces: tuple[Piece, ...] = ()
    kernel: Kernel
    partition_table: PartitionTable
    loader: Loader
    efi_files: tuple[PackageFile, ...] = ()
    config_txt: tuple[ConfigLine, ...] = ()
    """What the Raspberry Pi firmware reads; other boards have none."""
    device_trees: tuple[DeviceTree, ...] = ()
    overlays: tuple[str, ...] = ()
    """Device-tree overlays that every image gets, as `NAME,PARAMETER=VALUE`."""
    driver_firmware: tuple[FirmwareFiles, ...] = ()
    microcode: FirmwareFiles | None = None
    """Processor updates that the kernel applies before anything else (x86)."""
    packages: tuple[PackageName, ...] = ()
    console: Console
    watchdog: Watchdog | None = None
    install_disk: InstallDisk = InstallDisk()
    usb: tuple[UsbId, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    media: Media
    emulators: tuple[Emulator, ...] = ()
    """Ways to emulate it, the usual one first."""

    @model_validator(mode="after")
    def _overlays_have_trees(self) -> "Profile":
        if self.overlays and not self.device_trees:
            raise ValueError("overlays need device_trees to be merged into")
        return self

    @model_validator(mode="after")
    def _kernel_has_an_origin(self) -> "Profile":
        forms = [piece.form for piece in self.pieces if piece.required]
        missing = [form for form in _KERNEL_FORMS if form not in forms]
        if self.kernel.origin == "file" and missing:
            raise ValueError(f"kernel.origin is file, and no piece has form {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _loaders_have_room(self) -> "Profile":
        first = self.partition_table.first_mib * 2048
        for piece in self.pieces:
            if piece.at_sector and piece.at_sector >= first:
                raise ValueError(
                    f"piece {piece.name} lies behind sector {first}, the first partition"
                )
        return self

    @model_validator(mode="after")
    def _kernels_have_a_place(self) -> "Profile":
        if (self.loader.kind == "rpi-direct") != (self.partition_table.boot_mib == 0):
            raise ValueError("boot_mib is 0 for an rpi-direct loader and for no other")
        return self

    @model_validator(mode="after")
    def _grub_has_its_tree(self) -> "Profile":
        tree = self.loader.device_tree
        placed = [name for each in self.device_trees for name in each.targets]
        placed += [name for piece in self.pieces for name in piece.targets]
        if tree and tree not in placed:
            raise ValueError(f"loader.device_tree {tree} is no target of device_trees or pieces")
        return self

    @property
    def emulator(self) -> Emulator | None:
        """The usual way to emulate it, if there is one."""
        return self.emulators[0] if self.emulators else None
