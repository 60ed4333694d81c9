# SPDX-License-Identifier: Apache-2.0
"""What nodes measure and list, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """One process; `cpu_seconds` is the processor time it has used so far."""

    pid: int
    parent: int
    state: str
    threads: int
    cpu_seconds: float
    virtual_bytes: int
    resident_bytes: int
    command: str
    executable: str
    arguments: str
    label: str = ""

    @property
    def line(self) -> str:
        """Return how it was called, as far as that is known."""
        return self.arguments or self.executable or self.command


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """One mounted file system."""

    filesystem: str
    size_bytes: int
    available_bytes: int
    mounted_on: str

    @property
    def used_bytes(self) -> int:
        """Return what is not available."""
        return max(0, self.size_bytes - self.available_bytes)

    @property
    def percent(self) -> float:
        """Return the share in use; nought where there is nothing to use."""
        return 100 * self.used_bytes / self.size_bytes if self.size_bytes else 0.0


class SocketFilter(IntEnum):
    """Which sockets are listed."""

    ALL = 0
    CONNECTED = 1
    LISTENING = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketQuery:
    """What to tell about sockets: of which protocols, of which kind, with their programs."""

    filter: SocketFilter = SocketFilter.CONNECTED
    protocols: tuple[str, ...] = ("tcp", "tcp6", "udp", "udp6")
    programs: bool = False
    pods: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One socket of a node."""

    protocol: str
    local: str
    remote: str
    state: str
    receive_queue: int
    send_queue: int
    user: int
    inode: int
    timer: str
    retransmits: int
    pid: int
    program: str
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskStatus:
    """One disk of a node."""

    device: str
    size_bytes: int
    model: str
    serial: str
    type: str
    bus_path: str
    is_system: bool
    is_readonly: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSample:
    """A node's clock beside a time server's."""

    server: str
    local: datetime
    remote: datetime

    @property
    def offset_s(self) -> float:
        """Return how far the node's clock is ahead of the server's."""
        return (self.local - self.remote).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file; `mode` has the bits that nodes send (a directory is bit 31), `error` why not."""

    name: str
    path: str
    size_bytes: int
    mode: int
    modified: datetime
    is_folder: bool
    link: str
    user: int
    group: int
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderUsage:
    """What a folder or file takes up on disk."""

    path: str
    name: str
    size_bytes: int
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much room the file system below a path has."""

    path: str
    size_bytes: int
    used_bytes: int
    available_bytes: int
    inodes: int
    inodes_used: int
    inodes_free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdMember:
    """One member of the etcd cluster; ids are hexadecimal as people type them."""

    id: str
    hostname: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeOrder:
    """What an upgrade is asked to do."""

    image: str
    preserve: bool = False
    stage: bool = False
    force: bool = False
    powercycle: bool = False


MemoryFigures = Mapping[str, int]
"""Names as /proc/meminfo has them, in lower case, to KiB."""
