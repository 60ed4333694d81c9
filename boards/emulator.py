# SPDX-License-Identifier: Apache-2.0
"""How QEMU stands in for a board."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from boards.section import Fact, Name, PackageName, RelativePath, Section


class EmulatorFirmware(Section):
    """What the machine starts with: a file as `-bios`, a flash pair, or files of the image.

    Paths are those of a Debian package on this machine, and of the image's EFI partition.
    """

    package: PackageName = ""
    bios: str | None = None
    flash_code: str | None = None
    flash_vars: str | None = None
    kernel: RelativePath | None = None
    """A file of the image's EFI partition that takes the place of the boot ROM's finds."""
    device_tree: RelativePath | None = None
    device_tree_overlay: str | None = None
    """An overlay for the emulator alone, which never reaches an image: its name in
    `edge/provision/emulator/trees`."""

    @model_validator(mode="after")
    def _one_way(self) -> "EmulatorFirmware":
        flash = (self.flash_code is not None, self.flash_vars is not None)
        ways = (self.bios is not None, all(flash), self.kernel is not None)
        if sum(ways) != 1 or flash[0] != flash[1]:
            raise ValueError("needs one of bios, kernel, or both flash_code and flash_vars")
        return self


class Emulator(Fact):
    """One way to emulate the board; `text` says what that proves and what it does not."""

    name: Name
    program: Annotated[str, Field(pattern=r"^qemu-system-[a-z0-9_]+$")]
    package: PackageName
    at_least: str = "7.2"
    """The oldest version of QEMU that has this machine."""
    machine: str
    cpu: str | None = None
    threads: Literal["multi", "single"] = "multi"
    smp: int | None = Field(default=None, ge=1)
    memory_mib: int | None = Field(default=None, ge=256)
    firmware: EmulatorFirmware
    disk_device: str
    """A device model, or `sd` for the machine's own card slot."""
    nic_device: str | None = None
    """A device model; nothing where no network of this machine can be emulated."""
    extra_devices: tuple[str, ...] = ()
    serial_ports: tuple[str, ...] = Field(min_length=1)
    """What Linux calls the machine's ports, in order; the board's console is one of them."""
