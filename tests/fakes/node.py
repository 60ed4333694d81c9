# SPDX-License-Identifier: Apache-2.0
"""A node without a machine under it: a disk image, folders for file systems, a noted clock."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge.config.interface import NetworkView
from edge.errors import ToolError
from edge.meta.partition import MetaPartition
from edge.node.boot.image import ImageInfo
from edge.node.boot.supervisor import Request
from edge.node.containerd.sockets import lab_sockets
from edge.node.disk import (
    LINUX_GUID,
    MBR_LINUX,
    META_BYTES,
    MIB,
    SystemDisk,
    open_disk,
)
from edge.node.platform import Network
from edge.node.resource.store import Store
from edge.node.volume import Driver
from flasher.table import Partition, Table, add_partition, write_table
from flasher.table.mbr import MBR_DISK_ID

DISK_BYTES = 108 * MIB
BUILD_TIME = 1_750_000_000.0
WHOLE = b"a whole file system\n"


def write_disk(
    path: Path, values: dict[int, bytes] | None = None, kind: Literal["gpt", "mbr"] = "gpt"
) -> MetaPartition:
    """Write what a flasher leaves behind: a table with META, and `values` in it."""
    disk_id = MBR_DISK_ID if kind == "mbr" else "8a4f1a52-1c3c-4b39-a3a5-0a9e1d3c5b01"
    table = Table(kind=kind, disk_id=disk_id, size_bytes=DISK_BYTES)
    for label in ("EFI", "BOOT", "META"):
        type_ = MBR_LINUX if kind == "mbr" else LINUX_GUID
        table = add_partition(table, type=type_, size_bytes=META_BYTES, label=label)
    with path.open("w+b") as file:
        file.truncate(DISK_BYTES)
        write_table(file, table)
    meta = table.by_number(3)
    assert meta
    store = MetaPartition(path, meta.start_bytes)
    if values is not None:
        store.write(values)
    return store


class FakeDriver:
    """File systems as folders: complete when a file in them says so, like a superblock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: list[str] = []
        self.broken: set[str] = set()

    def reread(self, disk: SystemDisk) -> None:
        """Do nothing."""

    async def make(self, disk: SystemDisk, partition: Partition, label: str) -> None:
        """Make a folder, its superblock last."""
        self.made.append(label)
        shutil.rmtree(self.path(label), ignore_errors=True)
        self.path(label).mkdir()
        with (self.path(label) / "superblock").open("wb", buffering=0) as file:
            file.write(WHOLE[:5])
            file.write(WHOLE[5:])

    async def open(self, disk: SystemDisk, partition: Partition, label: str) -> Path:
        """Return the folder if its file system is whole."""
        if label in self.broken:
            raise ToolError("e2fsck failed (4): UNEXPECTED INCONSISTENCY")
        if (self.path(label) / "superblock").read_bytes() != WHOLE:
            raise ToolError("bad magic number in superblock")
        return self.path(label)

    async def close(self, label: str) -> None:
        """Do nothing."""

    def path(self, label: str) -> Path:
        """Return where a label's folder is."""
        return self._folder / label


class FakeNetwork:
    """A network that is as it is."""

    def __init__(self) -> None:
        self.applied: list[NetworkView | None] = []

    async def apply(self, view: NetworkView | None) -> None:
        """Note what was wanted."""
        self.applied.append(view)

    async def observe(self, store: Store) -> None:
        """See nothing."""

    async def close(self) -> None:
        """Do nothing."""


@dataclass
class FakePlatform:
    """A platform in a folder; what it was told to do is noted."""

    folder: Path
    mode: str = "metal"
    listen: str = "127.0.0.1"
    root: Path = Path("/")
    clock: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    watchdog: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        self.image = ImageInfo(version="1", board="fake", arch="arm64", build_time=BUILD_TIME)
        self.fake_driver = FakeDriver(self.folder)
        self.driver: Driver = self.fake_driver
        self.fake_network = FakeNetwork()
        self.network: Network = self.fake_network
        self.containerd = lab_sockets(self.folder)

    @property
    def disk(self) -> Path:
        """The image file that is the disk."""
        return self.folder / "disk.img"

    async def find_disk(self) -> SystemDisk | None:
        """Return the disk, if there is one."""
        return open_disk(self.disk)

    async def kernel_log(self, *, follow: bool, tail: bool) -> AsyncIterator[str]:
        """Yield one line."""
        yield "kern:    info: [2026-01-01T00:00:00.000000000Z]: booted\n"

    def kernel_cmdline(self) -> str:
        """Return a command line."""
        return "console=ttyAMA0"

    def boot_id(self) -> str:
        """Return a fixed id."""
        return "11111111-2222-3333-4444-555555555555"

    def identity(self) -> dict[str, str]:
        """Return what a board without firmware tables knows."""
        return {"productName": "fake board"}

    def set_hostname(self, name: str) -> None:
        """Do nothing."""

    def set_clock(self, seconds: float) -> None:
        """Note the time."""
        self.clock.append(seconds)

    def set_sysctl(self, name: str, value: str) -> None:
        """Note the parameter; one that is called "refused" is."""
        if name == "refused":
            raise OSError(22, "Invalid argument")
        self.sysctls[name] = value

    def set_watchdog(self, device: Path, timeout_s: int) -> None:
        """Note the wish."""
        self.watchdog = (str(device), timeout_s)

    def announce(self, text: str) -> None:
        """Note the line."""
        self.said.append(text)

    async def shutdown(self, request: Request) -> None:
        """Do nothing."""
