# SPDX-License-Identifier: Apache-2.0
"""The difference between a board and a lab node, as one small interface."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.node.boot.image import ImageInfo
from edge.node.boot.supervisor import Request
from edge.node.containerd.sockets import Sockets
from edge.node.disk import SystemDisk
from edge.node.resource.store import Store
from edge.node.volume import Driver

if TYPE_CHECKING:
    from edge.config.interface import NetworkView


class Network(Protocol):
    """Configures links and publishes what the network looks like."""

    async def apply(self, view: "NetworkView | None") -> None:
        """Bring links, addresses, routes and resolvers to what the configuration wants."""

    async def observe(self, store: Store) -> None:
        """Publish links, addresses and routes as they are now."""

    async def close(self) -> None:
        """Stop DHCP and let go of sockets."""


class Platform(Protocol):
    """What machined needs from the machine it runs on."""

    mode: str
    """"metal" or "container", as the Version call reports it."""

    image: ImageInfo
    listen: str
    """The address that the API binds to, without the port."""

    root: Path
    """The folder that is `/` for whoever asks for files."""

    driver: Driver
    network: Network
    containerd: Sockets
    """Where containerd would listen."""

    async def find_disk(self) -> SystemDisk | None:
        """Return the system disk, waiting a little for slow ones to appear."""

    def kernel_log(self, *, follow: bool, tail: bool) -> AsyncIterator[str]:
        """Yield kernel log lines in the text form of the Dmesg call."""

    def kernel_cmdline(self) -> str:
        """Return the kernel command line."""

    def boot_id(self) -> str:
        """Return the identity of this boot."""

    def identity(self) -> dict[str, str]:
        """Return manufacturer, productName, serialnumber, uuid as the firmware gives them."""

    def set_hostname(self, name: str) -> None:
        """Give the machine its name."""

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock (Unix seconds) where that is this node's to set."""

    def set_sysctl(self, name: str, value: str) -> None:
        """Set a kernel parameter such as `net.ipv4.ip_forward`."""

    def set_watchdog(self, device: Path, timeout_s: int) -> None:
        """Ask PID 1 to use this watchdog."""

    def announce(self, text: str) -> None:
        """Tell somebody who looks at the console."""

    async def shutdown(self, request: Request) -> None:
        """Do what must precede the end of the process, such as closing files."""
