# SPDX-License-Identifier: Apache-2.0
"""Wiping disks and partitions: what may be wiped, and how.

```
 every device of the request: a disk ► not the system's ► writable ► not in use ► wiped one by one
```
Nothing is written before all of them have passed. What the system disk carries is never wiped
here: that is what a reset is for. A device is opened so that the kernel lets nobody mount it
meanwhile, and refuses when somebody has.
"""

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge.api import storage_pb2
from edge.errors import ConfigError, NodeError
from edge.node.disk import whole_disks
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.units import MIB
from flasher.table import read_table, write_table

BLOCK = Path("/sys/class/block")
HEAD_BYTES = 8 * MIB
"""Reaches every signature near the beginning, the second header of LUKS at 4 MiB included."""
TAIL_BYTES = MIB
"""Reaches the second copy of a GPT, and members of RAID and ZFS."""
STEP_BYTES = 64 * MIB
_PIECE_BYTES = MIB
_BLKZEROOUT = 0x127F
_BLKRRPART = 0x125F
_BLKPG = 0x1269
_BLKPG_DEL_PARTITION = 2
_FAST, _ZEROES = 0, 1
_MBR_PRIMARY = 4


class Cancelled(Exception):
    """Whoever asked for the wiping has gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A device that may be wiped."""

    name: str
    device: Path
    disk: str
    """The name of the disk that it is or is part of."""
    number: int
    """Of the partition, nought for a whole disk."""
    zeroes: bool
    drop: bool


def check(
    machine: Machine, wanted: storage_pb2.BlockDeviceWipeDescriptor, block: Path = BLOCK
) -> Target:
    """Return what is to be wiped.

    Raises:
        ConfigError: when the name or the way is none.
        NodeError: when it must not be wiped; the message says why.
    """
    name = wanted.device.removeprefix("/dev/")
    if not name or "/" in name or name in (".", ".."):
        raise ConfigError(f"{wanted.device!r} is not the name of a disk, such as sda or mmcblk0p3")
    if wanted.method not in (_FAST, _ZEROES):
        raise ConfigError(f"there is no way number {wanted.method} to wipe a disk")
    _check_system(machine, name, block)
    folder = block / name
    if machine.platform.mode == "container" or not folder.exists():
        raise NodeError(f"there is no disk {name} on this node")
    target = Target(
        name=name,
        device=Path("/dev") / name,
        disk=_disk_of(folder),
        number=int(_text(folder / "partition") or 0),
        zeroes=wanted.method == _ZEROES,
        drop=wanted.drop_partition,
    )
    if target.disk not in [each.name for each in whole_disks(block)]:
        raise NodeError(f"{name} is no disk with data of this node's, so it is not wiped")
    _check_kernel(target, block, secondary=not wanted.skip_secondary_check)
    if not wanted.skip_volume_check:
        _check_volumes(machine, target)
    return target


def wipe(target: Target, gone: Callable[[], bool]) -> None:
    """Wipe one device; between steps, end when `gone` holds.

    Raises:
        NodeError: when it is in use after all, or cannot be written.
        Cancelled: when `gone` held.
    """
    try:
        # Exclusive: whoever mounts or maps it has it exclusively, too.
        fd = os.open(target.device, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        raise NodeError(f"{target.name} cannot be wiped: {_reason(error)}") from error
    with os.fdopen(fd, "r+b", buffering=0):
        try:
            size_bytes = os.lseek(fd, 0, os.SEEK_END)
            for start, length in ranges(size_bytes, zeroes=target.zeroes):
                if gone():
                    raise Cancelled(target.name)
                _zero(fd, start, length)
            os.fsync(fd)
            if not target.number:
                # The kernel forgets the partitions that there were.
                with suppress(OSError):
                    fcntl.ioctl(fd, _BLKRRPART)
        except OSError as error:
            raise NodeError(f"{target.name} cannot be wiped: {_reason(error)}") from error
    if target.drop and target.number:
        _drop(target)


def ranges(size_bytes: int, *, zeroes: bool) -> Iterator[tuple[int, int]]:
    """Yield what is to be overwritten, as start and length."""
    if zeroes or size_bytes <= HEAD_BYTES + TAIL_BYTES:
        for start in range(0, size_bytes, STEP_BYTES):
            yield start, min(STEP_BYTES, size_bytes - start)
        return
    yield 0, HEAD_BYTES
    yield size_bytes - TAIL_BYTES, TAIL_BYTES


def _check_system(machine: Machine, name: str, block: Path) -> None:
    system = machine.volumes.disk
    if system is None:
        # It may be the very disk that was named, with a table that cannot be read.
        raise NodeError("the system disk was not found, so nothing is wiped")
    names = {system.path.name, *(system.device(each).name for each in system.table.partitions)}
    is_part = (block / name).exists() and _disk_of(block / name) == system.path.name
    if name in names or is_part:
        raise NodeError(
            f"{name} belongs to the system disk", hint="edgectl reset wipes what the system keeps"
        )


def _check_kernel(target: Target, block: Path, *, secondary: bool) -> None:
    whole = block / target.disk
    if _text(whole / "ro") == "1" or _text(block / target.name / "ro") == "1":
        raise NodeError(f"{target.name} is read-only")
    parts = [target.name] if target.number else [target.disk, *_partitions(whole)]
    for part in parts:
        if place := _mounted_on(_text(block / part / "dev")):
            raise NodeError(f"{target.name} is in use: {part} is mounted on {place}")
        if part in _swaps():
            raise NodeError(f"{target.name} is in use: {part} is swap")
        holders = _entries(block / part / "holders")
        if secondary and holders:
            raise NodeError(f"{target.name} is in use: {part} is part of {holders[0]}")


def _check_volumes(machine: Machine, target: Target) -> None:
    for volume in machine.store.of_kind(kind.VOLUME_STATUS):
        place = Path(volume.spec.get("location", "")).name
        if place and place in (target.name, *_partitions(BLOCK / target.name)):
            raise NodeError(f"{target.name} is in use: the volume {volume.id} is on {place}")


def _drop(target: Target) -> None:
    disk = Path("/dev") / target.disk
    with disk.open("r+b") as file:
        if (table := read_table(file)) is None:
            raise NodeError(f"{target.disk} has no partition table to take {target.name} from")
        if table.kind == "mbr" and target.number > _MBR_PRIMARY:
            raise NodeError(
                f"{target.name} is wiped and stays in the table: without it, the logical"
                " partitions after it would change their names"
            )
        kept = tuple(each for each in table.partitions if each.number != target.number)
        write_table(file, replace(table, partitions=kept))
        file.flush()
        os.fsync(file.fileno())
        _forget(file.fileno(), target.number)


def _forget(fd: int, number: int) -> None:
    # Reading the whole table anew fails while another partition is in use; this does not.
    # struct blkpg_partition: start, length, number, two names; struct blkpg_ioctl_arg: how, flags,
    # length, where.
    partition = bytearray(struct.pack("=qqi64s64s4x", 0, 0, number, b"", b""))
    where = ctypes.addressof(ctypes.c_char.from_buffer(partition))
    argument = struct.pack("@iiiP", _BLKPG_DEL_PARTITION, 0, len(partition), where)
    with suppress(OSError):
        fcntl.ioctl(fd, _BLKPG, argument)


def _zero(fd: int, start: int, length: int) -> None:
    try:
        fcntl.ioctl(fd, _BLKZEROOUT, struct.pack("=QQ", start, length))
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL):
            raise
        piece = bytes(_PIECE_BYTES)
        for place in range(start, start + length, _PIECE_BYTES):
            os.pwrite(fd, piece[: start + length - place], place)


def _disk_of(folder: Path) -> str:
    # The kernel has partitions as folders in their disk's.
    return folder.resolve().parent.name if (folder / "partition").exists() else folder.name


def _partitions(folder: Path) -> list[str]:
    return [each.parent.name for each in sorted(folder.glob("*/partition"))]


def _mounted_on(device: str) -> str:
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        fields = line.split()
        if fields[2] == device:
            return fields[4]
    return ""


def _swaps() -> set[str]:
    lines = _text(Path("/proc/swaps")).splitlines()[1:]
    return {Path(line.split()[0]).name for line in lines if line.split()}


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _reason(error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return "it is in use"
    return error.strerror or str(error)
