# SPDX-License-Identifier: Apache-2.0
"""File systems made from files in user space, the same bytes every time."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from boards.profile import Arch
from edge.units import MIB
from flasher.tool import run_tool

# A whole block is unpacked to read a page of it: 128K and more make a board start later.
_SQUASHFS_BLOCK = "64K"
# A starting board mostly unpacks. What zstd saves in size costs a small processor seconds; a PC
# does not notice, and its microcode takes the room.
Packing = Literal["gzip", "lz4", "zstd"]
_PACKINGS: dict[Packing, tuple[str, ...]] = {
    "gzip": ("-comp", "gzip"),
    "lz4": ("-comp", "lz4", "-Xhc"),
    "zstd": ("-comp", "zstd", "-Xcompression-level", "19"),
}
# What GRUB's driver reads, named one by one: distributions differ in their defaults.
_EXT4_FEATURES = "none,has_journal,ext_attr,dir_index,filetype,extent,sparse_super,large_file"
_EXT4_JOURNAL_MIB = 8
_FAT32_CLUSTERS = 65525


def choose_packing(arch: Arch, origin: str) -> Packing:
    """Return how a root is packed for a kernel of this origin.

    Debian's kernels read all three; gzip is what a kernel from elsewhere reads if nobody chose.
    """
    if origin == "file":
        return "gzip"
    return "lz4" if arch == "arm64" else "zstd"


def write_squashfs(output: Path, tree: Path, *, packing: Packing, time_s: int) -> None:
    """Write a squashfs of `tree`, with all files owned by root and dated `time_s`."""
    output.unlink(missing_ok=True)
    run_tool(
        "mksquashfs",
        *(tree, output, "-noappend", "-no-progress", "-quiet", "-all-root", "-no-xattrs"),
        *(*_PACKINGS[packing], "-b", _SQUASHFS_BLOCK),
        *("-mkfs-time", str(time_s), "-all-time", str(time_s)),
    )


def write_fat(output: Path, tree: Path, *, size_mib: int, label: str, time_s: int) -> None:
    """Write a FAT32 file system that holds the files of `tree`.

    It always has enough clusters to be FAT32 for readers that go by their number.
    """
    _make_sparse(output, size_mib)
    sectors = 8
    while sectors > 1 and size_mib * MIB // (512 * sectors) < _FAT32_CLUSTERS * 1.1:
        sectors //= 2
    run_tool(
        "mkfs.vfat",
        *("-F", "32", "-s", str(sectors), "-n", label, "-i", f"{time_s & 0xFFFFFFFF:08x}"),
        *("--invariant", output),
    )
    environment = {
        "MTOOLSRC": os.devnull,
        "MTOOLS_SKIP_CHECK": "1",
        "SOURCE_DATE_EPOCH": str(time_s),
    }
    for path in _walk(tree):
        name = f"::/{path.relative_to(tree).as_posix()}"
        if path.is_dir():
            run_tool("mmd", "-i", output, name, environment=environment)
        else:
            os.utime(path, (time_s, time_s))
            run_tool("mcopy", "-m", "-i", output, path, name, environment=environment)


def write_ext4(
    output: Path, tree: Path, *, size_mib: int, label: str, uuid: str, time_s: int
) -> None:
    """Write an ext4 file system that holds the files of `tree`, owned by root."""
    for path in (tree, *_walk(tree)):
        path.chmod(0o755 if path.is_dir() else 0o644)
    _make_sparse(output, size_mib)
    run_tool(
        "mke2fs",
        *("-q", "-F", "-t", "ext4", "-O", _EXT4_FEATURES, "-b", "4096", "-I", "256"),
        *("-m", "0", "-N", "1024", "-J", f"size={_EXT4_JOURNAL_MIB}", "-L", label, "-U", uuid),
        *("-E", f"hash_seed={uuid},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0"),
        *("-d", tree, output),
        environment={"E2FSPROGS_FAKE_TIME": str(time_s), "MKE2FS_CONFIG": os.devnull},
    )
    names = ["/", "/lost+found", *(f"/{path.relative_to(tree).as_posix()}" for path in _walk(tree))]
    script = "".join(line for name in names for line in _fix_inode(name, time_s))
    run_tool(
        "debugfs",
        *("-w", "-f", "-", output),
        environment={"E2FSPROGS_FAKE_TIME": str(time_s)},
        text_in=script,
    )


def _fix_inode(name: str, time_s: int) -> Iterator[str]:
    """Yield the commands that take the build host's times and owner out of an inode."""
    for field in ("atime", "ctime", "mtime", "crtime"):
        yield f'set_inode_field "{name}" {field} @{time_s}\n'
        yield f'set_inode_field "{name}" {field}_extra 0\n'
    for field in ("uid", "gid"):
        yield f'set_inode_field "{name}" {field} 0\n'


def _make_sparse(path: Path, size_mib: int) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(size_mib * MIB)


def _walk(tree: Path) -> Iterator[Path]:
    """Yield everything below `tree`, parents first, in the same order everywhere."""
    for path in sorted(tree.rglob("*")):
        if stat.S_IFMT(path.lstat().st_mode) in {stat.S_IFREG, stat.S_IFDIR}:
            yield path
