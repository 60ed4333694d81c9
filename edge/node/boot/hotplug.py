# SPDX-License-Identifier: Apache-2.0
"""Drivers for devices that appear while the machine runs: what hangs on USB mostly does.

The kernel tells of them by netlink (`NETLINK_KOBJECT_UEVENT`, group 1): `add@/devices/…`, then
`NAME=value` each, all ended by a zero byte (lib/kobject_uevent.c). PID 1 waits for signals, so
the socket sends it one.
"""

import fcntl
import os
import signal
import socket
from collections.abc import Callable

from edge.node.boot.module import Modules, coldplug

SIGNAL = signal.SIGIO
_KOBJECT_UEVENT, _KERNEL = 15, 1
_EVENT_BYTES = 16 * 1024
_ROOM_BYTES = 1 << 20
_MODALIAS = b"MODALIAS="


def kernel_events() -> socket.socket:
    """Return a socket of the kernel's events.

    Raises:
        OSError: when the kernel has none.
    """
    listener = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _KOBJECT_UEVENT)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM_BYTES)
    listener.bind((0, _KERNEL))
    return listener


class Hotplug:
    """Loads what devices ask for from now on; `SIGNAL` says that there may be some."""

    def __init__(
        self,
        modules: Modules,
        listener: socket.socket,
        scan: Callable[[Modules], None] = coldplug,
    ) -> None:
        self._modules = modules
        self._listener = listener
        self._scan = scan
        listener.setblocking(False)
        file = listener.fileno()
        fcntl.fcntl(file, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_ASYNC)

    def tend(self) -> None:
        """Load drivers for what has appeared since the last time."""
        while True:
            try:
                event = self._listener.recv(_EVENT_BYTES)
            except BlockingIOError:
                return
            except OSError:
                # More than there was room for: what is lost is found where it is now.
                self._scan(self._modules)
                return
            self._modules.load_for(_wanted(event))


def _wanted(event: bytes) -> list[str]:
    head, *fields = event.split(b"\0")
    if not head.startswith(b"add@"):
        return []
    return [
        field.removeprefix(_MODALIAS).decode(errors="replace")
        for field in fields
        if field.startswith(_MODALIAS)
    ]
