# SPDX-License-Identifier: Apache-2.0
"""The few things that can be done to a card, for block devices and for regular files.

Reads never come from the page cache: what `read` returns is what the medium gives. Offsets and
lengths are whole blocks, buffers are page-aligned.
"""

import errno
import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from edge.errors import DeviceError
from flasher.device import Device, DeviceKind, Identity

_BLKRRPART = 0x125F
_BLKROGET = 0x125E
_BLKFLSBUF = 0x1261
_BLKGETSIZE64 = 0x80001272 | struct.calcsize("P") << 16  # its number says how wide a pointer is
_BLKGETDISKSEQ = 0x80081280
_GONE = (errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM)


class Medium(Protocol):
    """An open card."""

    name: str
    size_bytes: int
    is_blank: bool
    """Known to read as zeros all over."""

    def write(self, offset: int, data: memoryview) -> None:
        """Write `data` at `offset`; it need not be on the medium yet."""
        ...

    def read(self, offset: int, into: memoryview) -> None:
        """Fill `into` with what the medium has at `offset`."""
        ...

    def flush(self) -> None:
        """Return when everything written is on the medium."""
        ...

    def reread_table(self) -> None:
        """Ask the kernel to look at the partition table again; failing at it is no fault."""
        ...


class MediumGoneError(OSError):
    """The medium was pulled out, or its reader vanished."""


@contextmanager
def open_medium(device: Device, size_bytes: int) -> Iterator[Medium]:
    """Open `device` for nobody else and prove that it is still the one that was looked at.

    Raises:
        DeviceError: when it is in use, has changed, or may not be opened. Nothing is written.
    """
    if device.kind is DeviceKind.FILE:
        with _open_file(device, size_bytes) as file:
            yield file
    else:
        with _open_block(device) as block:
            yield block


@contextmanager
def _open_block(device: Device) -> Iterator["BlockMedium"]:
    flags = os.O_RDWR | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC
    with _opening(device):
        fd = os.open(device.path, flags)
    try:
        check_identity(fd, device.identity)
        with suppress(BlockingIOError):
            # Holds off udevd, which would otherwise probe a half-written disk.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield BlockMedium(fd, str(device.path), device.size_bytes)
    finally:
        os.close(fd)


@contextmanager
def _open_file(device: Device, size_bytes: int) -> Iterator["FileMedium"]:
    create = os.O_CREAT | os.O_EXCL if device.is_new else 0
    with _opening(device):
        fd = os.open(device.path, os.O_RDWR | os.O_CLOEXEC | create, 0o600)
    try:
        with _opening(device), _removing(device):
            if not device.is_new:
                _check_file(fd, device.identity)
            _lock_file(fd, device)
            os.ftruncate(fd, size_bytes)
        yield FileMedium(fd, str(device.path), size_bytes, is_blank=device.is_new)
    finally:
        os.close(fd)


@contextmanager
def _removing(device: Device) -> Iterator[None]:
    """Leave no empty file where there was none."""
    try:
        yield
    except OSError:
        if device.is_new:
            device.path.unlink(missing_ok=True)
        raise


def check_identity(fd: int, identity: Identity) -> None:
    """Compare the open block device with what the plan was made for.

    Raises:
        DeviceError: when another disk or another medium is behind the path now.
    """
    rdev = os.fstat(fd).st_rdev
    number = (os.major(rdev), os.minor(rdev))
    size_bytes = _ask(fd, _BLKGETSIZE64)
    diskseq = _ask(fd, _BLKGETDISKSEQ) if identity.diskseq is not None else None
    if (number, size_bytes, diskseq) != (identity.number, identity.size_bytes, identity.diskseq):
        raise DeviceError(
            f"{identity.path} is not the disk it was a moment ago; nothing was written",
            hint="look at it again with `edgectl devices`, then repeat the command",
        )
    if struct.unpack("i", fcntl.ioctl(fd, _BLKROGET, bytes(4)))[0]:
        raise DeviceError(f"{identity.path} is read-only now; nothing was written")


def _ask(fd: int, request: int) -> int | None:
    try:
        answer: int = struct.unpack("Q", fcntl.ioctl(fd, request, bytes(8)))[0]
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL):  # an older kernel
            return None
        raise
    return answer


def _check_file(fd: int, identity: Identity) -> None:
    status = os.fstat(fd)
    if (status.st_dev, status.st_ino) != identity.number or status.st_size != identity.size_bytes:
        raise DeviceError(f"{identity.path} changed a moment ago; nothing was written")


def _lock_file(fd: int, device: Device) -> None:
    """Take both kinds of lock: lab nodes hold one, emulators hold the other."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        whole = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, whole)
    except (BlockingIOError, PermissionError) as error:
        raise DeviceError(
            f"{device.path} is in use by another program; nothing was written",
            hint="stop the virtual machine or node that runs from it",
        ) from error


@contextmanager
def _opening(device: Device) -> Iterator[None]:
    """Turn what can go wrong with opening into one line that says what to do."""
    who = f"{device.path} ({device.name})"
    try:
        yield
    except PermissionError as error:
        raise DeviceError(
            f"no permission to write {who}", hint="repeat the command with sudo"
        ) from error
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise DeviceError(
                f"{who} is in use; nothing was written",
                hint="unmount it and close every program that has it open",
            ) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DeviceError(
                f"{device.path} cannot become that large: {error.strerror}",
                hint="free space, name a file on another disk, or give a smaller --size",
            ) from error
        raise DeviceError(f"cannot open {who}: {error.strerror}") from error


class BlockMedium:
    """A whole disk, opened exclusively and without the page cache."""

    def __init__(self, fd: int, name: str, size_bytes: int) -> None:
        self.name, self.size_bytes, self.is_blank = name, size_bytes, False
        self._fd = fd

    def write(self, offset: int, data: memoryview) -> None:
        """Write `data` straight to the disk."""
        with self._noticing():
            _write_all(self._fd, offset, data)

    def read(self, offset: int, into: memoryview) -> None:
        """Read straight from the disk."""
        with self._noticing():
            _read_all(self._fd, offset, into)

    def flush(self) -> None:
        """Empty the disk's own cache."""
        with self._noticing():
            os.fsync(self._fd)
            fcntl.ioctl(self._fd, _BLKFLSBUF, 0)

    def reread_table(self) -> None:
        """Make the kernel's partitions those of the card."""
        with suppress(OSError):
            fcntl.ioctl(self._fd, _BLKRRPART, 0)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Tell a pulled card from a bad one: the kernel says EIO to both."""
        try:
            yield
        except OSError as error:
            rdev = os.fstat(self._fd).st_rdev
            node = Path(f"/sys/dev/block/{os.major(rdev)}:{os.minor(rdev)}")
            if error.errno in _GONE or not node.exists() or self._is_empty(node):
                raise MediumGoneError(error.errno, "the device is gone; was it pulled?") from error
            raise

    def _is_empty(self, node: Path) -> bool:
        with suppress(OSError):
            return (node / "size").read_text().strip() == "0"
        return True


class FileMedium:
    """A regular file as large as a card, past the page cache where its file system can."""

    def __init__(self, fd: int, name: str, size_bytes: int, *, is_blank: bool) -> None:
        self.name, self.size_bytes, self.is_blank = name, size_bytes, is_blank
        self._fd = fd
        self._is_direct = size_bytes % mmap.PAGESIZE == 0 and _set_direct(fd)

    def write(self, offset: int, data: memoryview) -> None:
        """Write `data` to the file."""
        try:
            _write_all(self._fd, offset, data)
        except OSError as error:
            self._fall_back(error)
            _write_all(self._fd, offset, data)

    def read(self, offset: int, into: memoryview) -> None:
        """Read from the file, not from what the kernel remembers of it."""
        if not self._is_direct:
            os.fdatasync(self._fd)
            os.posix_fadvise(self._fd, offset, len(into), os.POSIX_FADV_DONTNEED)
        try:
            _read_all(self._fd, offset, into)
        except OSError as error:
            self._fall_back(error)
            _read_all(self._fd, offset, into)

    def flush(self) -> None:
        """Have the file on its disk."""
        os.fsync(self._fd)

    def reread_table(self) -> None:
        """Do nothing: the kernel keeps no partitions of a file."""

    def _fall_back(self, error: OSError) -> None:
        """Give up direct access where the file system took the flag but not the operation."""
        if error.errno != errno.EINVAL or not self._is_direct:
            raise error
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, flags & ~os.O_DIRECT)
        self._is_direct = False


def _set_direct(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_DIRECT)
    except OSError:
        return False
    return True


def _write_all(fd: int, offset: int, data: memoryview) -> None:
    done = 0
    while done < len(data):
        count = os.pwrite(fd, data[done:], offset + done)
        if count == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done += count


def _read_all(fd: int, offset: int, into: memoryview) -> None:
    done = 0
    while done < len(into):
        count = os.preadv(fd, [into[done:]], offset + done)
        if count == 0:
            raise OSError(errno.EIO, "the medium ends early")
        done += count
