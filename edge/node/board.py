# SPDX-License-Identifier: Apache-2.0
"""The platform of a real (or emulated) board: kernel, disks and firmware are ours alone."""

import asyncio
import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

from edge.errors import ImageError, ToolError
from edge.node.boot import syscall
from edge.node.boot.console import say
from edge.node.boot.image import ImageInfo, read_image
from edge.node.boot.module import COLDPLUGGED
from edge.node.boot.supervisor import Request
from edge.node.boot.watchdog import REQUEST
from edge.node.containerd.sockets import BOARD_SOCKETS
from edge.node.disk import EPHEMERAL, STATE, SystemDisk, find_system_disk, whole_disks
from edge.node.kmsg import format_record
from edge.node.network.board import BoardNetwork
from edge.node.platform import Network
from edge.node.volume import Driver
from edge.units import GIB
from flasher.table import Partition

MOUNT_POINTS = {STATE: Path("/system/state"), EPHEMERAL: Path("/var")}
DISK_DEADLINE_S, DISK_PAUSE_S = 30.0, 0.03
_BLKRRPART = 0x125F
_JOURNAL_BOUNDED_BYTES, _SMALL_BYTES = 2 * GIB, 16 * GIB
_DMI = Path("/sys/class/dmi/id")
_TREE = Path("/proc/device-tree")


class BoardPlatform:
    """A machine whose PID 1 is ours."""

    mode = "metal"
    listen = "::"
    root = Path("/")

    def __init__(self) -> None:
        self.image: ImageInfo = read_image()
        self.driver: Driver = DiskDriver()
        self.network: Network = BoardNetwork()
        self.containerd = BOARD_SOCKETS

    async def find_disk(self) -> SystemDisk | None:
        """Return the system disk, waiting for drivers, and for slow cards and USB drives."""
        deadline = time.monotonic() + DISK_DEADLINE_S
        while time.monotonic() < deadline:
            # The first to appear may not be the first of several by name.
            if COLDPLUGGED.exists() and (found := find_system_disk(whole_disks())):
                return found
            await asyncio.sleep(DISK_PAUSE_S)
        return None

    async def kernel_log(self, *, follow: bool, tail: bool) -> AsyncIterator[str]:
        """Yield records of /dev/kmsg."""
        boot = time.time() - time.monotonic()
        file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        try:
            if tail:
                os.lseek(file, 0, os.SEEK_END)
            while True:
                try:
                    record = os.read(file, 8192)
                except BlockingIOError:
                    if not follow:
                        return
                    await _readable(file)
                    continue
                except BrokenPipeError:
                    # The ring overtook us; the next read starts at the oldest record.
                    continue
                yield format_record(record, boot)
        finally:
            os.close(file)

    def kernel_cmdline(self) -> str:
        """Return /proc/cmdline."""
        return Path("/proc/cmdline").read_text().strip()

    def boot_id(self) -> str:
        """Return the kernel's boot id."""
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def identity(self) -> dict[str, str]:
        """Return what DMI says, else what the device tree says."""
        known = {
            "manufacturer": _read(_DMI / "sys_vendor"),
            "productName": _read(_DMI / "product_name") or _read(_TREE / "model"),
            "version": _read(_DMI / "product_version"),
            "serialnumber": _read(_DMI / "product_serial") or _read(_TREE / "serial-number"),
            "uuid": _read(_DMI / "product_uuid"),
            "skuNumber": _read(_DMI / "product_sku"),
        }
        return {name: value for name, value in known.items() if value}

    def set_hostname(self, name: str) -> None:
        """Set the kernel's host name."""
        socket.sethostname(name.split(".", maxsplit=1)[0])

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock, never to before the image was built."""
        if seconds > self.image.build_time:
            time.clock_settime(time.CLOCK_REALTIME, max(seconds, self.image.build_time))

    def set_sysctl(self, name: str, value: str) -> None:
        """Write below /proc/sys."""
        path = _sysctl_path(name)
        if path is None:
            raise OSError(errno.EINVAL, "not the name of a kernel parameter", name)
        path.write_text(value)

    def set_watchdog(self, device: Path, timeout_s: int) -> None:
        """Leave the wish where PID 1 looks."""
        # Replaced in one go: PID 1 must never read half a wish.
        temporary = REQUEST.with_suffix(".new")
        temporary.write_text(f"{device} {timeout_s}\n")
        temporary.replace(REQUEST)

    def announce(self, text: str) -> None:
        """Print a line on the console."""
        say(text)

    async def shutdown(self, request: Request) -> None:
        """Flush what is written; PID 1 unmounts."""
        say("machined is ending: " + request.name.lower().replace("_", " "))
        await asyncio.to_thread(os.sync)


class DiskDriver:
    """Makes, checks, grows and mounts ext4 with the tools in the image."""

    def __init__(self) -> None:
        self._new: set[str] = set()
        """What was made and synced in this life, and not opened since."""

    def reread(self, disk: SystemDisk) -> None:
        """Have the kernel read the partition table again and wait for the device files."""
        missing = [p for p in disk.table.partitions if not disk.device(p).exists()]
        if not missing:
            return
        with disk.path.open("rb") as file:
            fcntl.ioctl(file, _BLKRRPART)
        gone = [p for p in missing if not p.extended and not disk.device(p).exists()]
        if gone:
            raise ImageError(f"{disk.device(gone[0])} did not appear")

    async def make(self, disk: SystemDisk, partition: Partition, label: str) -> None:
        """Make an ext4 file system and sync it."""
        options = ["-F", "-q", "-m", "0", "-L", label, "-E", "lazy_itable_init=1,nodiscard"]
        if partition.size_bytes >= _JOURNAL_BOUNDED_BYTES:
            options += ["-J", f"size={_journal_mib(partition)}"]
        await _run("mke2fs", "-t", "ext4", *options, str(disk.device(partition)))
        await asyncio.to_thread(_sync_device, disk.device(partition))
        self._new.add(label)

    async def open(self, disk: SystemDisk, partition: Partition, label: str) -> Path:
        """Check, grow and mount."""
        device, target = disk.device(partition), MOUNT_POINTS[label]
        if target.is_mount():
            # machined ended unasked and was started again: the volume is still in use.
            return target
        is_new = label in self._new
        self._new.discard(label)
        if not is_new:
            # e2fsck: 0 clean, 1 repaired, 2 repaired and wants a reboot; more is damage.
            await _run("e2fsck", "-p", str(device), good=(0, 1, 2))
        target.mkdir(parents=True, exist_ok=True)
        flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOATIME
        await asyncio.to_thread(syscall.mount, str(device), target, "ext4", flags)
        if label == EPHEMERAL and not is_new:
            with contextlib.suppress(ToolError):
                await _run("resize2fs", str(device))
        return target

    async def close(self, label: str) -> None:
        """Unmount if mounted."""
        if MOUNT_POINTS[label].is_mount():
            await asyncio.to_thread(syscall.unmount, MOUNT_POINTS[label])


def _journal_mib(partition: Partition) -> int:
    """Return the size of a journal: a fourth of the default, or 64 MiB.

    All of it is written with zeros before the node serves, which on a slow card takes seconds.
    """
    return 16 if partition.size_bytes < _SMALL_BYTES else 64


async def _run(tool: str, *arguments: str, good: tuple[int, ...] = (0,)) -> None:
    process = await asyncio.create_subprocess_exec(
        tool,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        # Whoever gives up waiting may be about to destroy what the tool works on.
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
    if process.returncode not in good:
        lines = output.decode(errors="replace").strip().splitlines() or ["no output"]
        raise ToolError(f"{tool} {arguments[-1]} failed ({process.returncode}): {lines[-1]}")


def _sysctl_path(name: str) -> Path | None:
    # With slashes a part may hold dots, as sysctl(8) has it: net/ipv4/conf/eth0.100/rp_filter.
    parts = name.split("/") if "/" in name else name.split(".")
    return Path("/proc/sys", *parts) if all(part not in ("", ".", "..") for part in parts) else None


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _readable(file: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(file, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(file)


def _sync_device(device: Path) -> None:
    file = os.open(device, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().rstrip(b"\0\n ").decode(errors="replace")
    except OSError:
        return ""
