# SPDX-License-Identifier: Apache-2.0
"""The system disk: which disk carries this node, and which partition plays which part.

A GPT names its partitions. An MBR cannot, so there the part follows from the number, and the
disk is recognised by the signature that the image builder gives it.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ImageError
from flasher.table import Partition, Table, add_partition, read_table, write_table
from flasher.table.mbr import MBR_DISK_ID

MIB = 1024 * 1024
STATE_BYTES = 100 * MIB
META_BYTES = MIB
LINUX_GUID = "0fc63daf-8483-4772-8e79-3d69d8477de4"
MBR_LINUX, MBR_EXTENDED = "83", "0f"

META, STATE, EPHEMERAL = "META", "STATE", "EPHEMERAL"
MBR_NUMBERS = {"EFI": 1, "BOOT": 2, META: 3, STATE: 5, EPHEMERAL: 6}


@dataclass(frozen=True, slots=True)
class SystemDisk:
    """The disk (or image file) that this node boots from."""

    path: Path
    table: Table

    def partition(self, label: str) -> Partition | None:
        """Return the partition that plays the part `label`."""
        if self.table.kind == "gpt":
            return self.table.by_label(label)
        return self.table.by_number(MBR_NUMBERS[label])

    def device(self, partition: Partition) -> Path:
        """Return the kernel's device file for a partition of this disk."""
        joint = "p" if self.path.name[-1].isdigit() else ""
        return self.path.with_name(f"{self.path.name}{joint}{partition.number}")


def open_disk(path: Path) -> SystemDisk | None:
    """Return the disk at `path` if it carries this system: a table with a META partition."""
    try:
        with path.open("rb") as file:
            table = read_table(file)
    except (OSError, ImageError):
        return None
    if table is None:
        return None
    disk = SystemDisk(path, table)
    meta = disk.partition(META)
    ours = table.kind == "gpt" or table.disk_id == MBR_DISK_ID
    return disk if ours and meta and meta.size_bytes == META_BYTES else None


def find_system_disk(candidates: Iterable[Path]) -> SystemDisk | None:
    """Return the first of `candidates` that carries this system."""
    return next((disk for path in candidates if (disk := open_disk(path))), None)


# Made by the kernel, without a medium of their own, or flash that a board starts from.
_NO_DISKS = ("loop", "ram", "zram", "dm-", "md", "nbd", "fd", "sr", "mtdblock")


def whole_disks(block: Path = Path("/sys/class/block")) -> list[Path]:
    """Return the device files of all whole disks that have a medium, sorted by name."""
    found = []
    for entry in sorted(block.iterdir()):
        if (
            entry.name.startswith(_NO_DISKS)
            or (entry / "partition").exists()
            or entry.name.endswith(("boot0", "boot1"))
        ):
            continue
        with suppress(FileNotFoundError):  # it was pulled this moment
            if int((entry / "size").read_text()) > 0:
                found.append(Path("/dev") / entry.name)
    return found


def complete(disk: SystemDisk) -> SystemDisk:
    """Return the disk with STATE and EPHEMERAL in its table, written to it if they were not.

    Raises:
        ImageError: when there is no room for them.
        OSError: when the disk cannot be written.
    """
    table = _with_data_partitions(disk)
    if table == disk.table:
        return disk
    with disk.path.open("r+b") as file:
        write_table(file, table)
    return SystemDisk(disk.path, table)


def _with_data_partitions(disk: SystemDisk) -> Table:
    table, mbr = disk.table, disk.table.kind == "mbr"
    if mbr and not any(each.extended for each in table.partitions):
        table = add_partition(table, type=MBR_EXTENDED)
    kind = MBR_LINUX if mbr else LINUX_GUID
    for label, size_bytes in ((STATE, STATE_BYTES), (EPHEMERAL, None)):
        if SystemDisk(disk.path, table).partition(label) is None:
            table = add_partition(table, type=kind, size_bytes=size_bytes, label=label, logical=mbr)
    return table
