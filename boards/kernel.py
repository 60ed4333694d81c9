# SPDX-License-Identifier: Apache-2.0
"""A board's kernel: where it comes from, what goes along with it, and how it is started."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from boards.section import Argument, Evidence, Fact, ModuleName, PackageName, RelativePath, Section

Suite = Literal["stable", "backports", "testing"]
"""Which part of Debian a package is taken from."""


Drivers = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(\|[A-Za-z0-9_]+)*$")]
"""A module, or several such as `r8168|r8169` of which any one will do."""


class Needs(Section):
    """Drivers without which the board does not reach its disk or its network."""

    disk: tuple[Drivers, ...] = ()
    network: tuple[Drivers, ...] = ()

    @property
    def modules(self) -> tuple[str, ...]:
        """Every module that is named, alternatives too."""
        return tuple(name for each in (*self.disk, *self.network) for name in one_of(each))

    @property
    def alternatives(self) -> frozenset[str]:
        """The modules that another one can stand in for."""
        entries = [one_of(each) for each in (*self.disk, *self.network)]
        return frozenset(name for names in entries if len(names) > 1 for name in names)


def one_of(drivers: str) -> tuple[str, ...]:
    """Return the modules of an entry, of which one must be there."""
    return tuple(drivers.split("|"))


class Kernel(Fact):
    """Which kernel, which of its modules go into the image, and how it is started."""

    origin: Literal["stable", "backports", "file"] = "stable"
    """Debian's stable or backported kernel, or one that the user supplies as pieces."""
    package: PackageName = ""
    modules: tuple[ModuleName, ...] = ()
    sets: tuple[str, ...] = ()
    """Sets of modules in `boards/modules.yaml`, in front of `modules`."""
    preload: tuple[ModuleName, ...] = ()
    """Modules that no device asks for; loaded by name at boot, before the hardware's own."""
    needs: Needs = Needs()
    cmdline: tuple[Argument, ...] = ()
    compressed: bool = False
    """Store the kernel gzip'ed, where the loader reads slowly and unpacks itself."""

    @model_validator(mode="after")
    def _complete(self) -> "Kernel":
        if (self.origin == "file") == bool(self.package):
            raise ValueError("needs a package, or origin: file and pieces that hold the kernel")
        if missing := [name for name in self.preload if name not in self.modules]:
            raise ValueError(f"preload names modules that are not in modules: {', '.join(missing)}")
        return self


class FirmwareFiles(Fact):
    """Files that drivers load at run time: patterns below `usr/lib/firmware` of a package."""

    evidence: Evidence = "package"
    """No image is built without them, so they are there."""

    package: PackageName
    patterns: tuple[RelativePath, ...] = Field(min_length=1)
    suite: Suite = "stable"


class DeviceTree(Fact):
    """A device tree of the kernel package and the names it gets on the EFI partition."""

    path: RelativePath
    targets: tuple[RelativePath, ...] = Field(min_length=1)
    models: tuple[str, ...] = ()
    """The hardware that it describes, where the profile covers several kinds."""
