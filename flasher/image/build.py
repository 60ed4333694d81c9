# SPDX-License-Identifier: Apache-2.0
"""From a board profile to an image file: the sequence of the build."""

import errno
import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import file_digest
from importlib import resources
from pathlib import Path

from boards.profile import FirmwareFiles, Profile
from edge import __version__
from edge.errors import ImageError
from edge.events import Listener, ignore, step
from edge.paths import cache_dir
from edge.units import MIB, format_size
from flasher.image import grub
from flasher.image.assemble import META_MIB, Content, plan_table, write_image
from flasher.image.bytecode import Compiler, fetch_compiler
from flasher.image.devicetree import merge_overlays
from flasher.image.fetch import Cache, Packages, fetch_files, fetch_root, unpack
from flasher.image.filesystem import write_ext4, write_fat, write_squashfs
from flasher.image.initramfs import write_initramfs
from flasher.image.module import Module, ModuleTree
from flasher.image.root import ROOT_PACKAGES, assemble_root, base_tree, newest_file
from flasher.image.tool import require_tools
from flasher.image.wheel import fetch_wheels
from flasher.table import stable_guid

SLOT_GOAL_BYTES = 80 * MIB
# What must be in the kernel before the root image can be mounted.
_ROOT_MODULES = ("loop", "squashfs")
_ARGUMENTS = ("ro", "panic=10", "loglevel=6", "consoleblank=0")
_TOOLS = (
    *("mmdebstrap", "dpkg-deb", "tar", "mksquashfs"),
    *("mke2fs", "debugfs", "mkfs.vfat", "mmd", "mcopy"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What was built; `slot_bytes` is the size of one slot's boot assets."""

    board: str
    arch: str
    version: str
    image: str
    size_bytes: int
    sha256: str
    build_time: int
    kernel_version: str
    kernel_bytes: int
    initramfs_bytes: int
    root_bytes: int
    slot_bytes: int
    slot_goal_bytes: int
    packages: dict[str, str]

    @property
    def within_goal(self) -> bool:
        """Whether one slot's boot assets are as small as they should be."""
        return self.slot_bytes <= self.slot_goal_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """Everything fetched that an image is made of."""

    packages: dict[str, str]
    base: Path
    compiler: Compiler
    kernel: Path
    unpacked: dict[str, Path]
    build_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """The files of one boot slot."""

    kernel: Path
    kernel_version: str
    initramfs: Path
    root_bytes: int


def build_image(
    profile: Profile,
    output: Path,
    *,
    listener: Listener = ignore,
    cache: Path | None = None,
    refresh: bool = False,
) -> BuildReport:
    """Build the image of a board and write it and its description (`<output>.json`).

    The file appears when it is whole. `cache` keeps downloads and what is made of them; `refresh`
    asks the archive again before its day is over.

    Raises:
        ToolError: when a program that this needs is missing or fails.
        ImageError: when packages cannot be fetched, do not fit together, or the disk is full.
    """
    require_tools(_TOOLS if not profile.chosen_overlays else (*_TOOLS, "dtc", "fdtoverlay"))
    if output.exists() and not output.is_file():
        # As root a rename would put a file in the place of the device.
        raise ImageError(
            f"{output} is not a regular file", hint="`edgectl flash` is what writes to a disk"
        )
    with _plain_faults(output), _work_dir(output) as work:
        store = Cache(folder=cache or cache_dir() / "image", refresh=refresh)
        inputs = _fetch(profile, store, listener)
        slot = _build_slot(profile, inputs, work, listener)
        image = work / "image"
        with step(listener, "assemble image") as running:
            _assemble(profile, inputs, slot, work, image)
            report = _report(profile, inputs, slot, image, output)
            running.detail = f"{format_size(report.size_bytes)}, {report.sha256[:12]}"
        description = work / "image.json"
        description.write_text(json.dumps(asdict(report), indent=2, sort_keys=True) + "\n")
        description.replace(output.with_name(f"{output.name}.json"))
        image.replace(output)
    return report


def _fetch(profile: Profile, cache: Cache, listener: Listener) -> _Inputs:
    with step(listener, "fetch packages") as running:
        suite = profile.kernel.suite
        names = (*ROOT_PACKAGES, *profile.packages)
        root = fetch_root(cache, profile.arch, suite, sorted(names), listener)
        loose = fetch_files(
            cache,
            profile.arch,
            suite,
            _loose_packages(profile),
            components=profile.components,
            kernel=profile.kernel.package,
            listener=listener,
        )
        running.detail = f"{len(root.versions) + len(loose.versions)} packages"
    with step(listener, "fetch Python packages") as running:
        wheels = fetch_wheels(cache, profile.arch, listener)
        running.detail = f"{len(wheels)} wheels"
    with step(listener, "prepare root"):
        compiler = fetch_compiler(cache, suite, listener)
        base = base_tree(cache, root, wheels, compiler, listener)
        unpacked = {name: unpack(cache, file, listener) for name, file in loose.files.items()}
    return _Inputs(
        packages={**root.versions, **loose.versions},
        base=base / "tree",
        compiler=compiler,
        kernel=_kernel_dir(loose, unpacked),
        unpacked=unpacked,
        build_time=max(int((base / "build_time").read_text()), newest_file(*unpacked.values())),
    )


def _build_slot(profile: Profile, inputs: _Inputs, work: Path, listener: Listener) -> _Slot:
    tree = ModuleTree(inputs.kernel)
    with step(listener, "select kernel modules") as running:
        modules = tree.load_order(profile.kernel.modules)
        early = tree.load_order(_ROOT_MODULES)
        running.detail = f"{len(modules)} of kernel {tree.version}"
    root_image = work / "root.squashfs"
    with step(listener, "build root file system") as running:
        assemble_root(
            work / "root",
            inputs.base,
            compiler=inputs.compiler,
            kernel_version=tree.version,
            modules=modules,
            firmware=_firmware(profile, inputs),
            description=_description(profile, inputs, tree.version),
        )
        write_squashfs(root_image, work / "root", time_s=inputs.build_time)
        running.detail = format_size(root_image.stat().st_size)
    with step(listener, "build initramfs") as running:
        initramfs = work / "initramfs"
        write_initramfs(
            initramfs,
            arch=profile.arch,
            modules=_named(early),
            root_image=root_image,
            microcode=_microcode(profile, inputs),
        )
        running.detail = format_size(initramfs.stat().st_size)
    return _Slot(
        kernel=_kernel_file(profile, inputs, tree.version, work),
        kernel_version=tree.version,
        initramfs=initramfs,
        root_bytes=root_image.stat().st_size,
    )


def _assemble(profile: Profile, inputs: _Inputs, slot: _Slot, work: Path, image: Path) -> None:
    plan, time_s = profile.partition_table, inputs.build_time
    boot_uuid = stable_guid(profile.name, "BOOT file system")
    contents = [Content("EFI", plan.efi_mib, work / "efi.fat")]
    if plan.bios_mib:
        contents.append(Content("BIOS", plan.bios_mib))
    contents.append(Content("BOOT", plan.boot_mib, work / "boot.ext4"))
    contents.append(Content("META", META_MIB))
    boot_number = 1 + [content.label for content in contents].index("BOOT")
    prefix = "gpt" if plan.kind == "gpt" else "msdos"
    efi = _efi_tree(profile, inputs, work, f"{prefix}{boot_number}", boot_uuid)
    boot = _boot_tree(profile, slot, work)
    write_fat(work / "efi.fat", efi, size_mib=plan.efi_mib, label="EFI", time_s=time_s)
    write_ext4(
        work / "boot.ext4",
        boot,
        size_mib=plan.boot_mib,
        label="BOOT",
        uuid=boot_uuid,
        time_s=time_s,
    )
    with image.open("w+b") as file:
        write_image(file, plan_table(plan.kind, profile.name, contents), contents)


def _efi_tree(
    profile: Profile, inputs: _Inputs, work: Path, boot_partition: str, boot_uuid: str
) -> Path:
    tree = work / "efi"
    for each in (profile.loader, *profile.efi_files):
        for target in each.targets:
            _place(_package_file(inputs, each.package, each.source), tree / target)
    for text in profile.efi_texts:
        _place(_overlay_file(text.source), tree / text.target)
    trees = _kernel_package_dir(inputs)
    for each_tree in profile.device_trees:
        for target in each_tree.targets:
            merge_overlays(
                _device_tree(trees, each_tree.source),
                [_overlay_file(overlay.source) for overlay in profile.chosen_overlays],
                tree / target,
                work,
            )
    config = grub.loader_config(boot_partition=boot_partition, boot_uuid=boot_uuid)
    (tree / grub.LOADER_CONFIG).parent.mkdir(parents=True, exist_ok=True)
    (tree / grub.LOADER_CONFIG).write_text(config)
    (tree / grub.GRUBENV).write_bytes(grub.grubenv({"edge_default": "A"}))
    return tree


def _boot_tree(profile: Profile, slot: _Slot, work: Path) -> Path:
    tree = work / "boot"
    for name in (*grub.SLOTS, "grub"):
        (tree / name).mkdir(parents=True)
    slot.kernel.rename(tree / "A/vmlinuz")
    slot.initramfs.rename(tree / "A/initramfs")
    # The last console named is the one that programs write to.
    console = f"console={profile.console.device},{profile.console.baud}"
    arguments = (*profile.kernel.cmdline, console, *_ARGUMENTS, f"edge.board={profile.name}")
    (tree / grub.BOOT_CONFIG).write_text(grub.boot_config(arguments=arguments))
    return tree


def _report(
    profile: Profile, inputs: _Inputs, slot: _Slot, image: Path, output: Path
) -> BuildReport:
    kernel_bytes = (image.parent / "boot/A/vmlinuz").stat().st_size
    initramfs_bytes = (image.parent / "boot/A/initramfs").stat().st_size
    with image.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return BuildReport(
        board=profile.name,
        arch=profile.arch,
        version=__version__,
        image=output.name,
        size_bytes=image.stat().st_size,
        sha256=digest,
        build_time=inputs.build_time,
        kernel_version=slot.kernel_version,
        kernel_bytes=kernel_bytes,
        initramfs_bytes=initramfs_bytes,
        root_bytes=slot.root_bytes,
        slot_bytes=kernel_bytes + initramfs_bytes,
        slot_goal_bytes=SLOT_GOAL_BYTES,
        packages=inputs.packages,
    )


def _description(profile: Profile, inputs: _Inputs, kernel_version: str) -> dict[str, object]:
    """Return what the image says of itself on the node."""
    return {
        "version": __version__,
        "board": profile.name,
        "arch": profile.arch,
        "build_time": inputs.build_time,
        "kernel": kernel_version,
        "modules": list(profile.kernel.preload),
        "console": profile.console.device,
        "packages": inputs.packages,
    }


def _loose_packages(profile: Profile) -> list[str]:
    return sorted(
        {
            profile.loader.package,
            *(each.package for each in profile.efi_files),
            *(each.package for each in profile.firmware),
            *([profile.microcode.package] if profile.microcode else []),
        }
    )


def _kernel_dir(loose: Packages, unpacked: dict[str, Path]) -> Path:
    """Return `.../modules/<version>` of the one kernel among the fetched packages."""
    for name in sorted(loose.files):
        for folder in sorted((unpacked[name] / "usr/lib/modules").glob("*/kernel")):
            return folder.parent
    raise ImageError("the kernel package holds no modules")


def _kernel_package_dir(inputs: _Inputs) -> Path:
    return inputs.kernel.parents[3]


def _kernel_file(profile: Profile, inputs: _Inputs, version: str, work: Path) -> Path:
    """Return the kernel in `work`; it moved from /boot to beside its modules in newer packages."""
    for folder in inputs.unpacked.values():
        for name in (f"boot/vmlinuz-{version}", f"usr/lib/modules/{version}/vmlinuz"):
            if (folder / name).is_file():
                content = (folder / name).read_bytes()
                if profile.kernel.compressed:
                    content = gzip.compress(content, 9, mtime=0)
                (work / "vmlinuz").write_bytes(content)
                return work / "vmlinuz"
    raise ImageError(f"no package holds kernel {version}")


def _firmware(profile: Profile, inputs: _Inputs) -> dict[str, Path]:
    """Return the firmware files of the profile by the name that drivers ask for."""
    return {name: path for each in profile.firmware for name, path in _matching(each, inputs)}


def _microcode(profile: Profile, inputs: _Inputs) -> bytes:
    if profile.microcode is None:
        return b""
    return b"".join(path.read_bytes() for _, path in _matching(profile.microcode, inputs))


def _matching(files: FirmwareFiles, inputs: _Inputs) -> Iterator[tuple[str, Path]]:
    folder = inputs.unpacked[files.package] / "usr/lib/firmware"
    for pattern in files.patterns:
        matches = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
        if not matches:
            raise ImageError(f"package {files.package} has no firmware file {pattern}")
        yield from ((path.relative_to(folder).as_posix(), path) for path in matches)


def _device_tree(package: Path, source: str) -> Path:
    for pattern in ("usr/lib/linux-image-*", "usr/lib/modules/*/dtb"):
        for folder in sorted(package.glob(pattern)):
            if (folder / source).is_file():
                return folder / source
    raise ImageError(f"the kernel package holds no device tree {source}")


def _package_file(inputs: _Inputs, package: str, source: str) -> Path:
    path = inputs.unpacked[package] / source
    if not path.is_file():
        raise ImageError(f"package {package} holds no file {source}")
    return path


def _overlay_file(source: str) -> Path:
    path = Path(str(resources.files("overlays"))) / source
    if not path.is_file():
        raise ImageError(f"there is no overlays/{source}")
    return path


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _named(modules: list[Module]) -> list[tuple[str, bytes]]:
    return [(f"{each.name}.ko", each.content) for each in modules]


@contextmanager
def _work_dir(output: Path) -> Iterator[Path]:
    """Lend a directory beside `output`, so that the finished image only needs a rename."""
    if not output.parent.is_dir():
        raise ImageError(f"there is no directory {output.parent}", hint=f"mkdir -p {output.parent}")
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
        yield Path(folder)


@contextmanager
def _plain_faults(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ImageError(
                f"the disk is full: cannot write {output}", hint="free space or use another disk"
            ) from error
        raise ImageError(
            f"cannot write {error.filename or output}: {error.strerror or error}",
            hint="--output names another place; EDGECTL_CACHE moves what is kept between builds",
        ) from error
