# SPDX-License-Identifier: Apache-2.0
"""The platform of a lab node: machined as an ordinary process on somebody's laptop.

Its disk is an image file that the flasher wrote, its network one loopback address. An ordinary
user cannot mount, so the contents of STATE and EPHEMERAL live in folders beside the image;
the partitions themselves are made in the image's table as on a board.
"""

import json
import shutil
import sys
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from edge.node.boot.image import ImageInfo
from edge.node.boot.supervisor import Request
from edge.node.containerd.sockets import lab_sockets
from edge.node.disk import SystemDisk, open_disk
from edge.node.kmsg import format_line
from edge.node.log import Ring
from edge.node.network.lab import LabNetwork
from edge.node.platform import Network
from edge.node.volume import Driver
from flasher.table import Partition

DESCRIPTION = "node.json"
DISK = "disk.img"
_NOTICE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabDescription:
    """What a lab node is told about itself: its name, address, UUID and image."""

    name: str
    address: str
    uuid: str
    image: ImageInfo


def read_description(folder: Path) -> LabDescription:
    """Return the description of the lab node in `folder`.

    Raises:
        OSError, ValueError, KeyError: when there is none that can be used.
    """
    fields = json.loads((folder / DESCRIPTION).read_text())
    image = fields["image"]
    return LabDescription(
        name=fields["name"],
        address=fields["address"],
        uuid=fields["uuid"],
        image=ImageInfo(
            version=image["version"],
            board=image["board"],
            arch=image["arch"],
            build_time=float(image["build_time"]),
            extensions=tuple(image.get("extensions", ())),
        ),
    )


class LabPlatform:
    """One folder, one address."""

    mode = "container"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root: Path = folder
        self._description = read_description(folder)
        self._boot_id = str(uuid.uuid4())
        self._kernel = Ring()
        self.image: ImageInfo = self._description.image
        self.listen: str = self._description.address
        self.driver: Driver = FolderDriver(folder)
        self.network: Network = LabNetwork(self._description.address)
        self.containerd = lab_sockets(folder)

    async def find_disk(self) -> SystemDisk | None:
        """Return the image file in the node's folder."""
        return open_disk(self._folder / DISK)

    async def kernel_log(self, *, follow: bool, tail: bool) -> AsyncIterator[str]:
        """Yield what the node announced: a lab node has no kernel of its own."""
        async for line in self._kernel.read(count=0 if tail else -1, follow=follow):
            yield line

    def kernel_cmdline(self) -> str:
        """Return nothing: there is no kernel."""
        return ""

    def boot_id(self) -> str:
        """Return the identity of this run."""
        return self._boot_id

    def identity(self) -> dict[str, str]:
        """Return what the lab made up for this node."""
        return {
            "manufacturer": "edgectl",
            "productName": "lab node",
            "serialnumber": self._description.name,
            "uuid": self._description.uuid,
        }

    def set_hostname(self, name: str) -> None:
        """Do nothing: the host's name is not the lab's to change."""

    def set_clock(self, seconds: float) -> None:
        """Do nothing: the host's clock is not the lab's to change."""

    def set_sysctl(self, name: str, value: str) -> None:
        """Do nothing: the host's kernel is not the lab's to change."""

    def set_watchdog(self, device: Path, timeout_s: int) -> None:
        """Do nothing: the lab has no watchdog."""

    def announce(self, text: str) -> None:
        """Keep the line as the node's kernel log and print it."""
        self._kernel.add(format_line(_NOTICE, time.time(), f"edge: {text}"))
        sys.stderr.write(f"edge: {text}\n")
        sys.stderr.flush()

    async def shutdown(self, request: Request) -> None:
        """Do nothing: files are written through."""


class FolderDriver:
    """File systems as folders beside the disk image."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def reread(self, disk: SystemDisk) -> None:
        """Do nothing: no kernel reads this table."""

    async def make(self, disk: SystemDisk, partition: Partition, label: str) -> None:  # noqa: ARG002
        """Make an empty folder."""
        shutil.rmtree(self._path(label), ignore_errors=True)
        self._path(label).mkdir(mode=0o700)

    async def open(self, disk: SystemDisk, partition: Partition, label: str) -> Path:  # noqa: ARG002
        """Return the folder, which must be there and readable."""
        list(self._path(label).iterdir())
        return self._path(label)

    async def close(self, label: str) -> None:
        """Empty the folder's place: closing in the lab precedes wiping only."""
        shutil.rmtree(self._path(label), ignore_errors=True)

    def _path(self, label: str) -> Path:
        return self._folder / label.lower()
