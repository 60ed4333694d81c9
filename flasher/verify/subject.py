# SPDX-License-Identifier: Apache-2.0
"""The image that is checked, taken apart as far as a check asks for, each part once."""

import json
import shutil
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO

from boards.profile import Profile
from edge.errors import ImageError
from edge.units import MIB
from flasher.table import Partition, Table, read_table
from flasher.verify.read.cpio import Entry, read_cpio
from flasher.verify.read.ext import ExtVolume
from flasher.verify.read.fat import FatVolume
from flasher.verify.read.program import KernelImage, read_kernel, unpack_kernel
from flasher.verify.read.squash import RootFile, extract_root, list_root

SLOT = "A"
"""The slot that an image brings; B is empty until the first upgrade."""

_EXTRACTED = ("etc/edge", "usr/bin", "usr/lib/modules", "usr/sbin")


class Subject:
    """An image file, opened; `work` is a folder for what is taken out of it."""

    def __init__(self, path: Path, file: BinaryIO, work: Path) -> None:
        self.path, self.file, self.work = path, file, work
        self.size_bytes = file.seek(0, 2)
        # By a name without a question mark, which begins options of the programs of e2fsprogs.
        self.link = work / "image"
        self.link.symlink_to(path.resolve())
        self.profile: Profile

    @cached_property
    def table(self) -> Table:
        """The partition table."""
        table = read_table(self.file)
        if table is None:
            raise ImageError("there is no partition table")
        return table

    def roles(self) -> list[str]:
        """Return the names of the partitions that the profile wants, in their order."""
        plan = self.profile.partition_table
        wanted = {"EFI": True, "BIOS": plan.bios_mib, "BOOT": plan.boot_mib, "META": True}
        return [name for name, is_wanted in wanted.items() if is_wanted]

    def partition(self, role: str) -> Partition:
        """Return a partition by its label, or by its place in an MBR, which has no labels."""
        if self.table.kind == "gpt":
            found = self.table.by_label(role)
        else:
            number = 1 + self.roles().index(role)
            found = self.table.by_number(number)
        if found is None:
            raise ImageError(f"there is no {role} partition")
        return found

    @cached_property
    def efi(self) -> FatVolume:
        """The file system that firmware reads."""
        return FatVolume(self.file, self.partition("EFI").start_bytes)

    @cached_property
    def boot(self) -> ExtVolume:
        """The file system that GRUB reads."""
        return ExtVolume(self.link, self.partition("BOOT").start_bytes)

    def tree_paths(self, name: str) -> tuple[str, ...]:
        """Return where firmware reads the tree `name`: from two places if it loads the kernel."""
        if self.profile.loader.kind == "rpi-direct":
            # Beside config.txt it knows by the tree that the partition is for this board.
            return name, f"{SLOT}/{name}"
        return (name,)

    @property
    def has_boot(self) -> bool:
        """Whether kernels lie on a file system of their own."""
        return self.profile.partition_table.boot_mib > 0

    def copy_partition(self, role: str) -> Path:
        """Return a file that holds a partition, for programs that take nothing else."""
        part, output = self.partition(role), self.work / f"{role}.partition"
        if output.exists():
            return output
        with output.open("wb") as copy:
            copy.truncate(part.size_bytes)
            for at in range(0, part.size_bytes, MIB):
                self.file.seek(part.start_bytes + at)
                chunk = self.file.read(min(MIB, part.size_bytes - at))
                if chunk.count(0) != len(chunk):
                    copy.seek(at)
                    copy.write(chunk)
        return output

    def boot_text(self, path: str) -> str:
        """Return a text file of the BOOT partition."""
        target = self.work / path.replace("/", "_")
        if not target.exists():
            self.boot.extract(path, target)
        return target.read_text(errors="replace")

    def slot_file(self, name: str) -> Path:
        """Return a copy of a file of the slot that the image brings."""
        target, path = self.work / f"slot-{name}", f"{SLOT}/{name}"
        if not target.exists():
            if self.has_boot:
                self.boot.extract(path, target)
            else:
                target.write_bytes(self.efi.read(path))
        return target

    def digest(self) -> str:
        """Return the SHA-256 of the whole image, as lower-case hex."""
        with self.path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    @cached_property
    def kernel(self) -> KernelImage:
        """What the kernel's own header says."""
        try:
            return read_kernel(unpack_kernel(self.slot_file("vmlinuz").read_bytes()))
        except ImageError as error:
            if "holds no" in error.message:
                raise
            raise ImageError(f"{SLOT}/vmlinuz {error.message}") from error

    @cached_property
    def initramfs(self) -> dict[str, Entry]:
        """The entries of the initramfs by name."""
        with self.slot_file("initramfs").open("rb") as file:
            return {entry.name: entry for entry in read_cpio(file)}

    def initramfs_file(self, name: str) -> bytes:
        """Return the contents of a file of the initramfs."""
        entry = self.initramfs.get(name)
        if entry is None:
            raise ImageError(f"the initramfs holds no {name}")
        with self.slot_file("initramfs").open("rb") as file:
            file.seek(entry.start_bytes)
            return file.read(entry.size_bytes)

    @cached_property
    def root_offset(self) -> int:
        """Where in the initramfs the root file system begins, in bytes."""
        entry = self.initramfs.get("root.squashfs")
        if entry is None:
            raise ImageError("the initramfs holds no root.squashfs")
        return entry.start_bytes

    @cached_property
    def root(self) -> dict[str, RootFile]:
        """Every entry of the root file system."""
        return list_root(self.slot_file("initramfs"), self.root_offset)

    @cached_property
    def extracted(self) -> Path:
        """A folder with the identity and the kernel modules of the root file system."""
        target = self.work / "root"
        names = [name for name in _EXTRACTED if name in self.root]
        shutil.rmtree(target, ignore_errors=True)  # what an attempt left that met damage
        extract_root(self.slot_file("initramfs"), self.root_offset, names, target)
        return target

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the image says of itself on the node."""
        path = self.extracted / "etc/edge/image.json"
        if not path.is_file():
            raise ImageError("the root file system holds no etc/edge/image.json")
        return _read_json(path, "etc/edge/image.json")

    @cached_property
    def described(self) -> dict[str, Any] | None:
        """What the description beside the image says, if there is one."""
        path = self.path.with_name(f"{self.path.name}.json")
        return _read_json(path, path.name) if path.is_file() else None


def _read_json(path: Path, name: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise ImageError(f"{name} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ImageError(f"{name} is not a description of an image")
    return document
