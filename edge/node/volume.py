# SPDX-License-Identifier: Apache-2.0
"""STATE and EPHEMERAL: made at first boot, opened at every boot, wiped on reset.

```
 no partition ──META: not made──► partition ──mkfs──► file system ──META: made──► opened
```
META says that a volume is not made before its partition exists, and that it is made only after
its file system is complete on the medium. So a power cut in between makes the next boot format
it again; and a META that knows nothing of a partition that exists has been lost, not cut off. A
volume that was made and cannot be opened is never formatted without being asked: the node says
why and goes to maintenance.
"""

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edge.errors import EdgeError, ImageError
from edge.meta import keys
from edge.meta.partition import MetaPartition
from edge.node.disk import EPHEMERAL, META, STATE, SystemDisk, complete
from edge.node.log import logger
from flasher.table import Partition

LABELS = (STATE, EPHEMERAL)
_WIPE_ENDS = 1024 * 1024
_WIPE_AT_MOST = 128 * 1024 * 1024
_log = logger("machined")


class Driver(Protocol):
    """How file systems are made and opened: really on a board, as folders in the lab."""

    def reread(self, disk: SystemDisk) -> None:
        """Make the kernel see a changed partition table."""

    async def make(self, disk: SystemDisk, partition: Partition, label: str) -> None:
        """Make an empty file system and have it on the medium before returning."""

    async def open(self, disk: SystemDisk, partition: Partition, label: str) -> Path:
        """Check, grow and mount a file system, and return where; OSError or EdgeError if not."""

    async def close(self, label: str) -> None:
        """Unmount what `open` mounted; nothing to do is no error."""


@dataclass(slots=True)
class Volumes:
    """The data volumes of this boot: where they are mounted, and what is wrong with others."""

    disk: SystemDisk | None = None
    meta: MetaPartition | None = None
    mounted: dict[str, Path] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    """What `open_rest` is still to open."""
    meta_lost: bool = False
    """META was blank though the volumes were there."""

    @property
    def state(self) -> Path | None:
        """The directory that keeps the configuration, or nothing without a readable STATE."""
        return self.mounted.get(STATE)


def open_meta(disk: SystemDisk) -> MetaPartition | None:
    """Return the META store of a system disk."""
    partition = disk.partition(META)
    return MetaPartition(disk.path, partition.start_bytes) if partition else None


async def open_volumes(disk: SystemDisk | None, driver: Driver) -> Volumes:
    """Complete the partition table, and open STATE, made before if it never was."""
    if disk is None:
        return Volumes(faults={STATE: "no system disk was found"})
    volumes = Volumes(disk=disk, meta=open_meta(disk))
    try:
        _complete(volumes, disk, driver)
    except (OSError, EdgeError) as error:
        volumes.faults[STATE] = f"cannot complete the partition table: {error}"
        return volumes
    volumes.waiting = [EPHEMERAL]
    await _open_one(volumes, driver, STATE)
    return volumes


async def open_rest(volumes: Volumes, driver: Driver) -> None:
    """Open the volumes that a node is reached without, made before if they never were."""
    for label in list(volumes.waiting):
        await _open_one(volumes, driver, label)
        volumes.waiting.remove(label)


async def remake(volumes: Volumes, driver: Driver, label: str) -> None:
    """Wipe one volume: forget it in META first, then make and open it afresh."""
    if volumes.disk is None:
        raise ImageError(f"volume {label} has no disk", hint="is the medium still connected?")
    _complete(volumes, volumes.disk, driver)
    forget(volumes, [label])
    await driver.close(label)
    volumes.mounted.pop(label, None)
    volumes.faults.pop(label, None)
    await _open_one(volumes, driver, label)


def forget(volumes: Volumes, labels: list[str]) -> None:
    """Have `labels` made anew at the next boot."""
    remember(volumes, _made(volumes) - set(labels))


def remember(volumes: Volumes, labels: set[str]) -> None:
    """Keep in META that exactly `labels` are made.

    Raises:
        ImageError: when META cannot be read or written.
    """
    if volumes.meta:
        volumes.meta.set(keys.VOLUMES_MADE, json.dumps(sorted(labels)).encode())


async def wipe(volumes: Volumes, driver: Driver, labels: list[str]) -> None:
    """Close `labels` and destroy what they hold; the next boot makes them afresh."""
    if volumes.disk is None:
        return
    try:
        forget(volumes, labels)
    except EdgeError as error:
        _log.error("META cannot be told of the wipe: %s", error)
    for label in labels:
        volumes.mounted.pop(label, None)
        try:
            await driver.close(label)
        except OSError as error:
            _log.error("volume %s is wiped while it is in use: %s", label, error)
        if partition := volumes.disk.partition(label):
            await asyncio.to_thread(_zero, volumes.disk.path, partition)


def destroy_system(disk: SystemDisk) -> None:
    """Make the whole system disk unbootable: its table and META are gone afterwards."""
    ends = [(0, _WIPE_ENDS), (disk.table.size_bytes - _WIPE_ENDS, _WIPE_ENDS)]
    if meta := disk.partition(META):
        ends.append((meta.start_bytes, meta.size_bytes))
    with disk.path.open("r+b") as file:
        for start, size in ends:
            file.seek(start)
            file.write(bytes(size))
        file.flush()
        os.fsync(file.fileno())


def _zero(path: Path, partition: Partition) -> None:
    # STATE holds keys and goes entirely; of EPHEMERAL the file system's head is enough.
    left = min(partition.size_bytes, _WIPE_AT_MOST)
    with path.open("r+b") as file:
        file.seek(partition.start_bytes)
        while left:
            left -= file.write(bytes(min(left, _WIPE_ENDS)))
        file.flush()
        os.fsync(file.fileno())


def _complete(volumes: Volumes, disk: SystemDisk, driver: Driver) -> None:
    missing = [label for label in LABELS if disk.partition(label) is None]
    if missing:
        # META has to know before the table does: see the module's description.
        forget(volumes, missing)
    volumes.disk = complete(disk)
    driver.reread(volumes.disk)
    if _is_lost(volumes):
        volumes.meta_lost = True
        remember(volumes, set(LABELS))


async def _open_one(volumes: Volumes, driver: Driver, label: str) -> None:
    disk = volumes.disk
    partition = disk.partition(label) if disk else None
    if disk is None or partition is None:
        volumes.faults[label] = f"partition {label} is missing"
        return
    try:
        if label not in _made(volumes):
            _log.info("making volume %s", label)
            await driver.make(disk, partition, label)
            remember(volumes, _made(volumes) | {label})
        volumes.mounted[label] = await driver.open(disk, partition, label)
    except (OSError, EdgeError) as error:
        volumes.faults[label] = f"volume {label} is unreadable: {error}"
        _log.error("%s", volumes.faults[label])


def _made(volumes: Volumes) -> set[str]:
    if volumes.meta is None:
        return set()
    try:
        text = volumes.meta.read().get(keys.VOLUMES_MADE)
        return set(LABELS) if text is None else set(json.loads(text))
    except (ImageError, ValueError, TypeError) as error:
        _log.error("META is unreadable, taking all volumes as made: %s", error)
        return set(LABELS)


def _is_lost(volumes: Volumes) -> bool:
    try:
        return volumes.meta is not None and keys.VOLUMES_MADE not in volumes.meta.read()
    except ImageError:
        return False
