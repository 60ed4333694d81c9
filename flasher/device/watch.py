# SPDX-License-Identifier: Apache-2.0
"""Tells that disks came, changed or went, by udev's events or by the kernel's own.

Events are hints to look again, not the truth: a storm of them overruns the kernel's buffer, and
a container may get none at all. What is lost is told as `LOST`.
"""

import errno
import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from edge.errors import EdgeError

_UEVENTS = 15  # NETLINK_KOBJECT_UEVENT, which the socket module does not name
_KERNEL_GROUP = 1  # udevd speaks to group 2, in a format of its own
_BUFFER_BYTES = 8 * 1024 * 1024  # as udevd asks for; a hub full of readers fills the usual one
_MESSAGE_BYTES = 64 * 1024
_UDEV_CONTROL = Path("/run/udev/control")


class Action(StrEnum):
    """What happened to a disk."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    LOST = "lost"
    """Anything, to any disk: events were lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEvent:
    """Something happened to a whole disk."""

    action: Action
    name: str = ""
    """The kernel's, such as sdb."""
    diskseq: int | None = None
    """Which medium it happened to; None when the kernel does not count them."""


LOST = BlockEvent(action=Action.LOST)


class Watch(Protocol):
    """A source of events about disks."""

    source: str
    """Where they come from, for people: udev, the kernel, or nobody."""

    def poll(self, timeout_s: float) -> list[BlockEvent]:
        """Return what happened, waiting up to `timeout_s` for the first of it."""
        ...

    def close(self) -> None:
        """Hear no more."""
        ...


def open_watch(*, control: Path = _UDEV_CONTROL) -> Watch:
    """Listen to udev where it runs, else to the kernel, else to nobody.

    What udev tells comes after its rules ran, so names and permissions are settled by then.
    """
    if control.exists():
        with suppress(ImportError, OSError):
            return UdevWatch()
    try:
        return KernelWatch()
    except OSError:
        return BlindWatch()


@contextmanager
def watching() -> Iterator[Watch]:
    """Listen for the time of a block."""
    watch = open_watch()
    try:
        yield watch
    finally:
        watch.close()


def parse_uevent(message: bytes) -> BlockEvent | None:
    """Return what a message of the kernel says about a whole disk, or None."""
    fields = dict(
        part.partition("=")[::2] for part in message.decode(errors="replace").split("\0")[1:]
    )
    return _from_fields(fields)


class KernelWatch:
    """The kernel's own events."""

    source = "the kernel"

    def __init__(self, buffer_bytes: int = _BUFFER_BYTES) -> None:
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, _UEVENTS)
        try:
            _enlarge(self._socket, buffer_bytes)
            self._socket.bind((0, _KERNEL_GROUP))
        except OSError:
            self._socket.close()
            raise

    def poll(self, timeout_s: float) -> list[BlockEvent]:
        """Return what happened, waiting up to `timeout_s` for the first of it."""
        _wait(self._socket.fileno(), timeout_s)
        found = []
        while (event := self._receive()) is not None:
            found += event
        return found

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()

    def _receive(self) -> list[BlockEvent] | None:
        """Return the events in the next message, none if it is about something else."""
        try:
            message, sender = self._socket.recvfrom(_MESSAGE_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            return [_lost(error)]
        if sender[0] != 0:  # a process, not the kernel
            return []
        event = parse_uevent(message)
        return [event] if event else []


class UdevWatch:
    """Events as udev passes them on."""

    source = "udev"

    def __init__(self) -> None:
        import pyudev

        self._monitor: Any = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
        self._monitor.filter_by("block")
        with suppress(OSError):  # needs CAP_NET_ADMIN
            self._monitor.set_receive_buffer_size(_BUFFER_BYTES)
        self._monitor.start()

    def poll(self, timeout_s: float) -> list[BlockEvent]:
        """Return what happened, waiting up to `timeout_s` for the first of it."""
        found: list[BlockEvent] = []
        wait_s = timeout_s
        while True:
            try:
                device = self._monitor.poll(timeout=wait_s)
            except OSError as error:
                found.append(_lost(error))
            else:
                if device is None:
                    return found
                event = _from_fields(dict(device.properties))
                found += [event] if event else []
            wait_s = 0

    def close(self) -> None:
        """Hear no more; the monitor closes with its last reference."""
        self._monitor = None


class BlindWatch:
    """Stands in where there is neither udev nor netlink; whoever asks has to look anyway."""

    source = "nobody"

    def __init__(self) -> None:
        self._ends = os.pipe()

    def poll(self, timeout_s: float) -> list[BlockEvent]:
        """Wait."""
        _wait(self._ends[0], timeout_s)
        return []

    def close(self) -> None:
        """End."""
        for end in self._ends:
            os.close(end)


def _from_fields(fields: dict[str, str]) -> BlockEvent | None:
    if fields.get("SUBSYSTEM") != "block" or fields.get("DEVTYPE") != "disk":
        return None
    action, diskseq = fields.get("ACTION", ""), fields.get("DISKSEQ", "")
    return BlockEvent(
        action=Action(action) if action in ("add", "remove") else Action.CHANGE,
        name=fields.get("DEVPATH", "").rpartition("/")[2],
        diskseq=int(diskseq) if diskseq.isdecimal() else None,
    )


def _lost(error: OSError) -> BlockEvent:
    if error.errno == errno.ENOBUFS:
        return LOST
    raise EdgeError(f"cannot listen to disks coming and going: {error.strerror}") from error


def _enlarge(listener: socket.socket, buffer_bytes: int) -> None:
    force = 33  # SO_RCVBUFFORCE; another that it does not name
    try:
        listener.setsockopt(socket.SOL_SOCKET, force, buffer_bytes)
    except OSError:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)


def _wait(fd: int, timeout_s: float) -> None:
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    waiting.poll(max(0, round(timeout_s * 1000)))
