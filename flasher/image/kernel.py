# SPDX-License-Identifier: Apache-2.0
"""Where a build finds the kernel: in Debian's packages, or among the user's pieces."""

import gzip
import re
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from boards.profile import Profile
from edge.errors import ImageError
from flasher.debian.module import ModuleTree
from flasher.image.piece import DAMAGED, module_folders, read_kernel

_BANNER = re.compile(rb"Linux version (\d\S+) ")
# Newer packages spread over several what was in one, and moved it.
_IMAGES = ("boot/vmlinuz-{version}", "usr/lib/modules/{version}/vmlinuz")
_BUILTIN = ("usr/lib/modules/{version}/modules.builtin",)
_TREES = ("usr/lib/linux-image-{version}", "usr/lib/modules/{version}/dtb")


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelFiles:
    """A kernel, the folder of its modules (`.../modules/<version>`) and its device trees."""

    image: Path
    modules: Path
    trees: tuple[Path, ...] = ()
    builtin: Path | None = None
    """The list of modules that are built in, where it is not beside the modules."""

    def module_tree(self) -> ModuleTree:
        """Return the modules, to be looked through."""
        return ModuleTree(self.modules, self.builtin)

    @property
    def version(self) -> str:
        """The version as `uname -r` prints it."""
        return self.modules.name

    def device_tree(self, name: str) -> Path:
        """Return the device tree called `name`, such as `broadcom/bcm2711-rpi-4-b.dtb`.

        Raises:
            ImageError: when the kernel has no such tree.
        """
        for folder in self.trees:
            if (folder / name).is_file():
                return folder / name
        raise ImageError(f"kernel {self.version} comes without device tree {name}")

    def write(self, output: Path, *, compressed: bool) -> None:
        """Write the kernel to `output` as the loader wants it."""
        if not compressed:
            shutil.copyfile(self.image, output)
            return
        # Written without a name or time, so that the same kernel gives the same bytes.
        output.write_bytes(gzip.compress(self.image.read_bytes(), 9, mtime=0))


def packaged_kernel(folders: Sequence[Path]) -> KernelFiles:
    """Return the one kernel in `folders`, which hold unpacked packages.

    Raises:
        ImageError: when none of them holds modules or their kernel.
    """
    modules = _only_modules(folders)
    version = modules.name
    image = _first(folders, _IMAGES, version)
    if image is None:
        raise ImageError(f"no package holds kernel {version}")
    places = [folder / tree.format(version=version) for folder in folders for tree in _TREES]
    return KernelFiles(
        image=image,
        modules=modules,
        trees=tuple(place for place in places if place.is_dir()),
        builtin=_first(folders, _BUILTIN, version),
    )


def supplied_kernel(profile: Profile, pieces: Mapping[str, Path], work: Path) -> KernelFiles:
    """Return the kernel that the user's pieces hold, unpacked in `work` where they are archives.

    Raises:
        ImageError: when the module tree is of no, of several or of another kernel.
    """
    forms = {piece.form: pieces[piece.name] for piece in profile.pieces if piece.name in pieces}
    image = work / "supplied-kernel"
    content = read_kernel(forms["arm64-kernel"])
    image.write_bytes(content)
    modules = _module_folder(forms["module-tree"].resolve(), work)
    if (found := _BANNER.search(content)) and found[1].decode() != modules.name:
        raise ImageError(
            f"the kernel is {found[1].decode()}, the modules are for {modules.name}",
            hint="take both from the same release",
        )
    return KernelFiles(image=image, modules=modules)


def _module_folder(path: Path, work: Path) -> Path:
    if path.is_file():
        with tarfile.open(path) as archive:
            # Links lead to where the kernel was built.
            plain = [member for member in archive if member.isreg() or member.isdir()]
            try:
                archive.extractall(work / "supplied-modules", plain, filter="data")
            except DAMAGED as error:
                raise ImageError(f"{path} cannot be unpacked: {error}") from error
        path = work / "supplied-modules"
    found = module_folders(path)
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise ImageError(
            f"{path} should hold the modules of one kernel; it holds {names}",
            hint="name the folder of one version, lib/modules/VERSION",
        )
    return found[0]


def _first(folders: Sequence[Path], names: Sequence[str], version: str) -> Path | None:
    """Return the first file in `folders` that has one of these names."""
    places = (folder / name.format(version=version) for folder in folders for name in names)
    return next((place for place in places if place.is_file()), None)


def _only_modules(folders: Sequence[Path]) -> Path:
    """Return `.../modules/<version>` of the one kernel among the packages."""
    for folder in folders:
        for found in sorted((folder / "usr/lib/modules").glob("*/kernel")):
            return found.parent
    raise ImageError("the kernel package holds no modules")
