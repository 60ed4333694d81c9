# SPDX-License-Identifier: Apache-2.0
"""Real file systems in disk images, made, examined and read with the tools of their makers."""

import os
import random
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.units import KIB, MIB
from flasher.ranges import Range, merge
from flasher.table import Table, add_partition, stable_guid, write_table
from flasher.table.gpt import EFI_SYSTEM, LINUX_DATA

Files = Mapping[str, bytes]

_QUIET = {"MTOOLSRC": os.devnull, "MTOOLS_SKIP_CHECK": "1"}


def make_files(sizes: Sequence[int], *, seed: int) -> dict[str, bytes]:
    """Return files of `sizes` with bytes that tell where they belong."""
    noise = random.Random(seed)
    return {f"f{index:03}.bin": noise.randbytes(size) for index, size in enumerate(sizes)}


def make_ext(
    path: Path, options: str, size_bytes: int, files: Files, gone: Sequence[str] = ()
) -> None:
    """Make an ext file system with `files`, of which `gone` are then deleted."""
    tree = path.with_suffix(".tree")
    tree.mkdir()
    for name, data in files.items():
        (tree / name).write_bytes(data)
    _make_sparse(path, size_bytes)
    run("mke2fs", "-q", "-F", *options.split(), "-d", tree, path)
    if gone:
        script = "".join(f"rm /{name}\n" for name in gone)
        run("debugfs", "-w", "-f", "-", path, text_in=script)
    if "quota" in options:  # mke2fs -d leaves files of one byte out of the quotas
        subprocess.run(["e2fsck", "-fy", path], check=False, capture_output=True)


def read_ext(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Check an ext file system and return the files `names` of it."""
    run("e2fsck", "-fn", path)
    found = {}
    for name in names:
        output = path.with_suffix(".read")
        output.unlink(missing_ok=True)
        run("debugfs", "-R", f"dump /{name} {output}", path)
        found[name] = output.read_bytes()
    return found


def list_free(path: Path) -> tuple[Range, ...]:
    """Return what dumpe2fs calls free in an ext file system, in bytes."""
    text = run("dumpe2fs", path)
    block_bytes = int(text.split("Block size:")[1].split()[0])
    unit = max(block_bytes, *(int(size) for size in re.findall(r"Cluster size: +(\d+)", text)), 0)
    free = []
    for span in re.findall(r"^  Free blocks: (.+)$", text, re.MULTILINE):
        for part in span.split(", "):
            first, _, last = part.partition("-")  # each by the first block of its cluster
            free.append(Range(int(first) * block_bytes, int(last or first) * block_bytes + unit))
    return merge(free)


def make_fat(
    path: Path, options: str, size_bytes: int, files: Files, gone: Sequence[str] = ()
) -> None:
    """Make a FAT file system with `files`, of which `gone` are then deleted."""
    _make_sparse(path, size_bytes)
    run("mkfs.vfat", *options.split(), path)
    for name, data in files.items():
        source = path.with_suffix(".source")
        source.write_bytes(data)
        run("mcopy", "-i", path, source, f"::{name}")
    for name in gone:
        run("mdel", "-i", path, f"::{name}")


def read_fat(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Check a FAT file system and return the files `names` of it."""
    run("fsck.vfat", "-n", path)
    found = {}
    for name in names:
        output = path.with_suffix(".read")
        output.unlink(missing_ok=True)
        run("mcopy", "-i", path, f"::{name}", output)
        found[name] = output.read_bytes()
    return found


def make_disk(path: Path, partitions: Sequence[Path]) -> tuple[Range, ...]:
    """Write a disk image with `partitions` one behind the other; return where they lie."""
    sizes = [part.stat().st_size for part in partitions]
    table = Table(kind="gpt", disk_id=stable_guid("disk"), size_bytes=sum(sizes) + 4 * MIB)
    for index, size in enumerate(sizes):
        kind = LINUX_DATA if index else EFI_SYSTEM
        table = add_partition(table, type=kind, size_bytes=size, label=f"P{index}")
    _make_sparse(path, table.size_bytes)
    places = tuple(Range(each.start_bytes, each.end_bytes) for each in table.partitions)
    with path.open("r+b") as file:
        write_table(file, table)
    for part, place in zip(partitions, places, strict=True):
        run("dd", f"if={part}", f"of={path}", "bs=64K", f"seek={place.start // (64 * KIB)}",
            "conv=notrunc,sparse", "status=none")  # fmt: skip
    return places


def run(*command: str | Path, text_in: str | None = None) -> str:
    """Run a tool of the host and return what it printed; it has to succeed."""
    done = subprocess.run(
        command,
        input=text_in,
        capture_output=True,
        text=True,
        env={**os.environ, **_QUIET},
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def _make_sparse(path: Path, size_bytes: int) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(size_bytes)
