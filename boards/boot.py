# SPDX-License-Identifier: Apache-2.0
"""What a board boots through: platform firmware, loader, their files, pieces from the user."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from boards.kernel import Suite
from boards.section import Fact, Name, PackageName, RelativePath, Section


class PackageFile(Section):
    """A file inside a Debian package and where it goes."""

    package: PackageName
    path: RelativePath
    targets: tuple[RelativePath, ...] = Field(min_length=1)
    suite: Suite = "stable"
    at_least: str = ""
    """The oldest version of the package that will do."""
    reason: str = ""

    @model_validator(mode="after")
    def _testing_has_an_age(self) -> "PackageFile":
        if self.suite == "testing" and not self.at_least:
            raise ValueError("a package of testing needs at_least, the oldest version that will do")
        return self


class Platform(Fact):
    """Where the firmware comes from that runs before our loader."""

    origin: Literal["package", "preinstalled", "file"]


PieceForm = Literal[
    "arm64-kernel", "module-tree", "device-tree", "firmware-tree", "rockchip-loader"
]


class Piece(Fact):
    """Something that Debian does not have and the user supplies by path."""

    name: Name
    form: PieceForm
    """What it must look like; it is checked before anything is built."""
    title: str
    origin: str
    """Where it comes from."""
    action: str
    """What to do to have it."""
    required: bool = True
    targets: tuple[RelativePath, ...] = ()
    """Names on the EFI partition, for device trees."""
    at_sector: int | None = Field(default=None, ge=34)
    """The 512-byte sector of the disk that it is written to, for loaders outside of partitions,
    behind the partition table."""

    @model_validator(mode="after")
    def _placed(self) -> "Piece":
        if (self.form == "rockchip-loader") != (self.at_sector is not None):
            raise ValueError("at_sector is for a rockchip-loader, which needs it")
        if self.form == "device-tree" and not self.targets:
            raise ValueError("a device-tree needs targets on the EFI partition")
        return self


class Loader(Fact):
    """What starts the kernel: GRUB as an EFI program, or the Raspberry Pi firmware itself."""

    kind: Literal["grub-efi", "rpi-direct"]
    package: PackageName = ""
    path: RelativePath | None = None
    targets: tuple[RelativePath, ...] = ()
    suite: Suite = "stable"
    device_tree: RelativePath | None = None
    """The tree on the EFI partition that GRUB hands to the kernel instead of the firmware's."""

    @model_validator(mode="after")
    def _complete(self) -> "Loader":
        grub = bool(self.package and self.path and self.targets)
        if grub != (self.kind == "grub-efi"):
            raise ValueError(
                "grub-efi needs package, path and targets; rpi-direct has none of them"
            )
        return self


class ConfigLine(Section):
    """A line of the Raspberry Pi firmware's config.txt, and why it is there."""

    line: Annotated[str, Field(pattern=r"^[^\s#].{0,97}$")]
    reason: str = ""
    section: Annotated[str, Field(pattern=r"^[a-z0-9+=-]+$")] = "all"
    """The filter that it stands under, such as `cm4`."""
