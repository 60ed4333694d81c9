# SPDX-License-Identifier: Apache-2.0
"""From a board profile to an image file: the sequence of the build."""

import errno
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import file_digest
from pathlib import Path

from boards.profile import Profile
from edge import __version__
from edge.errors import ImageError, InputError
from edge.events import Listener, ignore, step
from edge.paths import cache_dir
from edge.units import format_size
from flasher.debian.fetch import Cache
from flasher.devicetree.merge import TOOLS as MERGE_TOOLS
from flasher.image.assemble import META_MIB, Content, plan_table, write_image
from flasher.image.design import Design, make_design
from flasher.image.filesystem import write_ext4, write_fat
from flasher.image.inputs import Inputs, fetch_inputs
from flasher.image.meta import render_image_meta
from flasher.image.partitions import make_boot_tree, make_efi_tree
from flasher.image.report import SLOT_GOAL_BYTES, BuildReport
from flasher.image.slot import Slot, build_slot
from flasher.image.tree import Trees, make_trees
from flasher.image.wishes import Wishes
from flasher.table import read_table, stable_guid
from flasher.tool import require_tools

_TOOLS = (
    *("mmdebstrap", "dpkg", "dpkg-deb", "tar", "mksquashfs"),
    *("mke2fs", "debugfs", "mkfs.vfat", "mmd", "mcopy"),
)


def build_image(
    profile: Profile,
    output: Path,
    *,
    wishes: Wishes | None = None,
    listener: Listener = ignore,
    cache: Path | None = None,
    refresh: bool = False,
    check: Callable[[Path], None] = lambda _image: None,
) -> BuildReport:
    """Build the image of a board and write it and its description (`<output>.json`).

    The file appears when it is whole. `cache` keeps downloads and what is made of them; `refresh`
    asks the archive again before its day is over. `check` may refuse the image before it appears.

    Raises:
        ToolError: when a program that this needs is missing or fails.
        ImageError: when packages cannot be fetched, do not fit together, a piece is missing, or
            the disk is full.
        BoardError: when the board has no such overlay, or two exclude each other.
    """
    design = make_design(profile, wishes or Wishes())
    require_tools((*_TOOLS, *MERGE_TOOLS) if design.overlays else _TOOLS)
    _check_output(output)
    with _plain_faults(output), _work_dir(output) as work:
        store = Cache(folder=cache or cache_dir() / "image", refresh=refresh)
        inputs = fetch_inputs(design, store, work, listener)
        trees = make_trees(design, inputs, work)
        slot = build_slot(design, inputs, trees, work, listener)
        with step(listener, "assemble image") as running:
            image = _assemble(design, inputs, trees, slot, work)
            report = _report(design, inputs, slot, image, output)
            running.detail = f"{format_size(report.size_bytes)}, {report.sha256[:12]}"
        description = work / "image.json"
        description.write_text(json.dumps(asdict(report), indent=2, sort_keys=True) + "\n")
        check(image)
        # In this order a description is never newer than what it describes.
        image.replace(output)
        description.replace(output.with_name(f"{output.name}.json"))
    return report


def _check_output(output: Path) -> None:
    """Refuse to take the place of anything but an image."""
    if not output.exists():
        return
    if not output.is_file():
        # As root a rename would put a file in the place of the device.
        raise InputError(
            f"{output} is not a regular file", hint="`edgectl flash` is what writes to a disk"
        )
    with output.open("rb") as file:
        if output.stat().st_size and read_table(file) is None:
            raise InputError(f"{output} is there and no disk image", hint="name another --output")


def _assemble(design: Design, inputs: Inputs, trees: Trees, slot: Slot, work: Path) -> Path:
    """Put the partitions together in `work` and return the image."""
    profile, image = design.profile, work / "image"
    plan, time_s = profile.partition_table, inputs.build_time
    boot_uuid = stable_guid(profile.name, "BOOT file system")
    (work / "meta").write_bytes(render_image_meta(design.wishes.meta))
    contents = _contents(profile, inputs, work)
    boot_partition = _grub_name(plan.kind, contents)
    efi = make_efi_tree(
        design,
        inputs,
        trees,
        slot,
        work,
        boot_partition=boot_partition,
        boot_uuid=boot_uuid,
    )
    write_fat(work / "efi.fat", efi, size_mib=plan.efi_mib, label="EFI", time_s=time_s)
    if plan.boot_mib:
        write_ext4(
            work / "boot.ext4",
            make_boot_tree(design, slot, work),
            size_mib=plan.boot_mib,
            label="BOOT",
            uuid=boot_uuid,
            time_s=time_s,
        )
    with image.open("w+b") as file:
        table = plan_table(plan.kind, profile.name, contents, first_mib=plan.first_mib)
        write_image(file, table, contents)
    return image


def _contents(profile: Profile, inputs: Inputs, work: Path) -> list[Content]:
    """Return the partitions of the image, in their order on the disk."""
    plan = profile.partition_table
    loaders = [
        Content("LOADER", 0, inputs.pieces[piece.name], at_sector=piece.at_sector)
        for piece in profile.pieces
        if piece.at_sector and piece.name in inputs.pieces
    ]
    bios = [Content("BIOS", plan.bios_mib)] if plan.bios_mib else []
    boot = [Content("BOOT", plan.boot_mib, work / "boot.ext4")] if plan.boot_mib else []
    efi = Content("EFI", plan.efi_mib, work / "efi.fat")
    return [efi, *bios, *boot, Content("META", META_MIB, work / "meta"), *loaders]


def _grub_name(kind: str, contents: list[Content]) -> str:
    labels = [content.label for content in contents]
    if "BOOT" not in labels:
        return ""
    return f"{'gpt' if kind == 'gpt' else 'msdos'}{1 + labels.index('BOOT')}"


def _report(design: Design, inputs: Inputs, slot: Slot, image: Path, output: Path) -> BuildReport:
    with image.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return BuildReport(
        board=design.profile.name,
        arch=design.profile.arch,
        version=__version__,
        image=output.name,
        size_bytes=image.stat().st_size,
        sha256=digest,
        build_time=inputs.build_time,
        kernel_version=slot.kernel_version,
        kernel_bytes=slot.kernel_bytes,
        initramfs_bytes=slot.initramfs_bytes,
        root_bytes=slot.root_bytes,
        slot_bytes=slot.kernel_bytes + slot.initramfs_bytes,
        slot_goal_bytes=SLOT_GOAL_BYTES,
        packages={**inputs.packages, **slot.extra_packages},
        overlays=[overlay.name for overlay in design.overlays],
        extensions=sorted(extension.name for extension in design.wishes.extensions),
        arguments=list(design.wishes.arguments),
        schematic=design.wishes.schematic_id,
    )


@contextmanager
def _work_dir(output: Path) -> Iterator[Path]:
    """Lend a directory beside `output`, so that the finished image only needs a rename."""
    if not output.parent.is_dir():
        raise InputError(f"there is no directory {output.parent}", hint=f"mkdir -p {output.parent}")
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
