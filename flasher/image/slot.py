# SPDX-License-Identifier: Apache-2.0
"""One slot: the kernel and the initramfs with the root file system inside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from boards.kernel import one_of
from boards.profile import Profile
from edge.errors import ImageError
from edge.events import Listener, Noted, step
from edge.units import format_size
from flasher.debian.module import Module, ModuleTree
from flasher.debian.suite import suite_name
from flasher.extension.compose import Composition, Sources, compose
from flasher.image.design import Design
from flasher.image.filesystem import choose_packing, write_squashfs
from flasher.image.initramfs import write_initramfs
from flasher.image.inputs import Inputs
from flasher.image.report import describe
from flasher.image.root import assemble_root
from flasher.image.seal import seal_root
from flasher.image.tree import Trees

# What must be in the kernel before the root image can be mounted.
_ROOT_MODULES = ("loop", "squashfs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The files of one boot slot; they leave their place when the image is put together."""

    kernel: Path
    kernel_version: str
    initramfs: Path
    kernel_bytes: int
    initramfs_bytes: int
    root_bytes: int
    extra_packages: Mapping[str, str]
    """Versions of the packages that extensions brought."""


def build_slot(
    design: Design, inputs: Inputs, trees: Trees, work: Path, listener: Listener
) -> Slot:
    """Make the kernel and the initramfs of a slot in `work`.

    Raises:
        ImageError: when the kernel lacks a module or a package lacks a file.
    """
    tree = inputs.kernel.module_tree()
    extras = _compose(design, inputs, tree, listener)
    with step(listener, "select kernel modules") as running:
        names = (*choose_modules(design, tree, listener), *extras.modules)
        modules = tree.load_order(dict.fromkeys(names))
        running.detail = f"{len(modules)} of kernel {tree.version}"
    built_in = tree.built_in((*design.module_names, *_ROOT_MODULES))
    root_image = _make_root(
        design,
        inputs,
        extras=extras,
        modules=modules,
        description={**describe(design, inputs, trees, extras), "built_in": built_in},
        work=work,
        listener=listener,
    )
    initramfs = work / "initramfs"
    with step(listener, "build initramfs") as running:
        write_initramfs(
            initramfs,
            arch=design.profile.arch,
            modules=_named(tree.load_order(_ROOT_MODULES)),
            root_image=root_image,
            microcode=_microcode(design.profile, inputs),
        )
        running.detail = format_size(initramfs.stat().st_size)
    inputs.kernel.write(work / "vmlinuz", compressed=design.profile.kernel.compressed)
    return Slot(
        kernel=work / "vmlinuz",
        kernel_version=tree.version,
        initramfs=initramfs,
        kernel_bytes=(work / "vmlinuz").stat().st_size,
        initramfs_bytes=initramfs.stat().st_size,
        root_bytes=root_image.stat().st_size,
        extra_packages=extras.packages,
    )


def choose_modules(design: Design, tree: ModuleTree, listener: Listener) -> list[str]:
    """Return the modules to put in; a kernel from elsewhere may lack those nobody depends on.

    Raises:
        ImageError: when it lacks one without which the board does not reach disk or network.
    """
    profile = design.profile
    is_supplied = profile.kernel.origin == "file"
    _require_drivers(profile, tree, is_supplied=is_supplied)
    missing = [name for name in design.module_names if name not in tree]
    if not is_supplied:
        missing = [name for name in missing if name in profile.kernel.needs.alternatives]
    elif missing:
        listener(Noted(text=f"kernel {tree.version} comes without {', '.join(missing)}"))
    return [name for name in design.module_names if name not in missing]


def _make_root(
    design: Design,
    inputs: Inputs,
    *,
    extras: Composition,
    modules: list[Module],
    description: Mapping[str, object],
    work: Path,
    listener: Listener,
) -> Path:
    image = work / "root.squashfs"
    with step(listener, "build root file system") as running:
        assemble_root(
            work / "root",
            inputs.base,
            compiler=inputs.compiler,
            kernel_version=inputs.kernel.version,
            modules=modules,
            firmware=_firmware(design.profile, inputs),
            description=description,
        )
        extras.place(work / "root")
        seal_root(work / "root")
        packing = choose_packing(design.profile.arch, design.profile.kernel.origin)
        write_squashfs(image, work / "root", packing=packing, time_s=inputs.build_time)
        running.detail = format_size(image.stat().st_size)
    return image


def _compose(design: Design, inputs: Inputs, tree: ModuleTree, listener: Listener) -> Composition:
    sources = Sources(
        arch=design.profile.arch,
        suite=suite_name("stable"),
        cache=inputs.cache,
        kernel=tree,
        base=inputs.base,
    )
    return compose(design.wishes.extensions, sources, listener)


def _require_drivers(profile: Profile, tree: ModuleTree, *, is_supplied: bool) -> None:
    needs = profile.kernel.needs
    entries = [one_of(each) for each in (*_ROOT_MODULES, *needs.disk, *needs.network)]
    lacking = [names for names in entries if not any(name in tree for name in names)]
    if lacking:
        told = ", ".join(" or ".join(names) for names in lacking)
        raise ImageError(
            f"kernel {tree.version} has no {told}, which {profile.name} needs",
            hint="supply all modules of this kernel, also what its vendor ships apart"
            if is_supplied
            else None,
        )


def _firmware(profile: Profile, inputs: Inputs) -> dict[str, Path]:
    """Return the driver firmware of the profile and of the user by the name drivers ask for."""
    found = {name: path for each in profile.driver_firmware for name, path in inputs.matching(each)}
    for piece in profile.pieces:
        if piece.form == "firmware-tree" and piece.name in inputs.pieces:
            found |= dict(_files_below(inputs.pieces[piece.name]))
    return found


def _files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ImageError(f"{path} is a link out of {folder}", hint="copy the file in its place")
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _microcode(profile: Profile, inputs: Inputs) -> bytes:
    if profile.microcode is None:
        return b""
    return b"".join(path.read_bytes() for _, path in inputs.matching(profile.microcode))


def _named(modules: list[Module]) -> list[tuple[str, bytes]]:
    return [(f"{each.name}.ko", each.content) for each in modules]
