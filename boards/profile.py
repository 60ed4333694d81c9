# SPDX-License-Identifier: Apache-2.0
"""A board profile: everything the toolkit knows about one kind of board, as one YAML document."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from edge.errors import BoardError

Arch = Literal["arm64", "amd64"]


def _relative(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("must be a relative path without '..'")
    return path


RelativePath = Annotated[str, Field(min_length=1), AfterValidator(_relative)]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class DmiMatch(_Section):
    """Patterns (regular expressions) that this machine's DMI strings must all contain."""

    sys_vendor: str | None = None
    product_name: str | None = None
    board_name: str | None = None

    @model_validator(mode="after")
    def _something(self) -> "DmiMatch":
        if not any((self.sys_vendor, self.product_name, self.board_name)):
            raise ValueError("needs at least one of sys_vendor, product_name, board_name")
        return self


class Match(_Section):
    """How a running machine is recognised: device tree first, DMI where there is none."""

    compatible: tuple[Annotated[str, Field(pattern=r"^[^,\s]+,[^\s]+$")], ...] = ()
    dmi: tuple[DmiMatch, ...] = ()


class Kernel(_Section):
    """Which kernel, which of its modules go into the image, and how it is started."""

    suite: str
    package: PackageName
    modules: tuple[ModuleName, ...]
    preload: tuple[ModuleName, ...] = ()
    """Modules that no device asks for; loaded by name at boot, before the hardware's own."""
    cmdline: tuple[str, ...] = ()
    compressed: bool = False
    """Store the kernel gzip'ed, where the loader reads slowly and unpacks itself."""

    @model_validator(mode="after")
    def _preloaded_modules_are_there(self) -> "Kernel":
        if missing := [name for name in self.preload if name not in self.modules]:
            raise ValueError(f"preload names modules that are not in modules: {', '.join(missing)}")
        return self


class PartitionTable(_Section):
    """The kind of table and the sizes of the partitions that the image carries."""

    kind: Literal["gpt", "mbr"]
    reason: str
    efi_mib: int = Field(default=64, ge=34)
    bios_mib: int = Field(default=0, ge=0)
    boot_mib: int = Field(default=384, ge=64)


class PackageFile(_Section):
    """A file inside a Debian package and where it goes."""

    package: PackageName
    source: RelativePath
    targets: tuple[RelativePath, ...] = Field(min_length=1)


class FirmwareFiles(_Section):
    """Files that drivers load at run time: patterns below `usr/lib/firmware` of a package."""

    package: PackageName
    patterns: tuple[RelativePath, ...] = Field(min_length=1)


class Overlay(_Section):
    """A device-tree overlay kept in `overlays/`, merged into every device tree at build time.

    One that moves the serial console says where to.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    source: RelativePath
    summary: str
    default: bool = False
    console: "Console | None" = None


class DeviceTree(_Section):
    """A device tree of the kernel package and the names it gets on the EFI partition."""

    source: RelativePath
    targets: tuple[RelativePath, ...] = Field(min_length=1)


class TextFile(_Section):
    """A file kept in `overlays/` and where it goes on the EFI partition."""

    source: RelativePath
    target: RelativePath


class Console(_Section):
    """The serial console: its name in Linux, its speed, and where to connect."""

    device: str
    baud: int = 115200
    connect: str = ""


class Media(_Section):
    """What the board boots from; a larger disk needs an explicit confirmation to be written."""

    kinds: tuple[Literal["sd", "usb", "nvme", "sata", "emmc", "virtual"], ...]
    largest_expected_bytes: int = Field(gt=0)
    smallest_bytes: int = Field(gt=0)
    grow_last: bool = False
    """Have the flasher extend the entry of the image's last partition to the end of the medium.

    Our own images leave that room to the node, which makes STATE and EPHEMERAL there; it is for
    images whose system grows its file system but not its partition.
    """


class EmulatorFirmware(_Section):
    """Firmware files of a Debian package for the emulator, as `-bios` or as a flash pair."""

    package: PackageName
    bios: str | None = None
    flash_code: str | None = None
    flash_vars: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "EmulatorFirmware":
        pair = (self.flash_code is not None, self.flash_vars is not None)
        if (self.bios is not None) == all(pair) or pair[0] != pair[1]:
            raise ValueError("needs either bios, or both flash_code and flash_vars")
        return self


class Emulator(_Section):
    """How QEMU stands in for the board."""

    program: str
    package: PackageName
    machine: str
    cpu: str
    smp: int = Field(ge=1)
    memory_mib: int = Field(ge=256)
    firmware: EmulatorFirmware
    disk_device: str
    nic_device: str
    extra_devices: tuple[str, ...] = ()
    chardev_console: str


class Profile(_Section):
    """One board: identity, kernel, partitions, loader, firmware, console, media, emulator."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    arch: Arch
    tier: Literal["A", "B", "C"]
    summary: str
    caveats: tuple[str, ...] = ()
    match: Match
    kernel: Kernel
    partition_table: PartitionTable
    loader: PackageFile
    efi_files: tuple[PackageFile, ...] = ()
    efi_texts: tuple[TextFile, ...] = ()
    device_trees: tuple[DeviceTree, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    firmware: tuple[FirmwareFiles, ...] = ()
    microcode: FirmwareFiles | None = None
    """Processor updates that the kernel applies before anything else (x86)."""
    components: tuple[str, ...] = ("main",)
    packages: tuple[PackageName, ...] = ()
    console: Console
    media: Media
    emulator: Emulator | None = None

    @model_validator(mode="after")
    def _overlays_have_trees(self) -> "Profile":
        if self.overlays and not self.device_trees:
            raise ValueError("overlays need device_trees to be merged into")
        return self

    @property
    def chosen_overlays(self) -> tuple[Overlay, ...]:
        """The overlays that an image gets."""
        return tuple(overlay for overlay in self.overlays if overlay.default)

    def with_overlays(self, names: Iterable[str]) -> "Profile":
        """Return the profile with these overlays chosen besides its defaults.

        Raises:
            BoardError: when the board has no such overlay.
        """
        wanted, known = set(names), {overlay.name: overlay for overlay in self.overlays}
        for name in sorted(wanted - known.keys()):
            hint = f"overlays of {self.name}: {', '.join(known) or 'none'}"
            raise BoardError(f"board {self.name} has no overlay {name!r}", hint=hint)
        overlays = tuple(
            overlay.model_copy(update={"default": overlay.default or overlay.name in wanted})
            for overlay in self.overlays
        )
        moved = [known[name].console for name in sorted(wanted) if known[name].console]
        console = moved[-1] if moved else self.console
        return self.model_copy(update={"overlays": overlays, "console": console})
