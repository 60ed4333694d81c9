# SPDX-License-Identifier: Apache-2.0
"""Lets go of a card that was written and read back, so that it can be pulled.

A SCSI disk (a USB reader is one) is told to stop and to give its medium out. A slot of the
host's own has nothing to tell: once all is flushed the card may be pulled. Failing at it is
worth a remark; the card is as good as it was.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Callable
from ctypes import addressof, create_string_buffer
from dataclasses import dataclass

from flasher.device.facts import Device, DeviceKind
from flasher.device.host import THIS_HOST, Host
from flasher.device.usage import partition_names, read_usage

_BLKFLSBUF = 0x1261
_SG_IO = 0x2285
_NO_DATA = -1
_TIMEOUT_MS = 10_000
_SENSE_BYTES = 32
# 6-byte commands: allow medium removal, and stop the unit with "load/eject" set
_ALLOW_REMOVAL = bytes([0x1E, 0, 0, 0, 0, 0])
_STOP_AND_EJECT = bytes([0x1B, 0, 0, 0, 0x02, 0])
# struct sg_io_hdr: interface, direction, lengths, pointers, timeout, flags, id, user pointer,
# then what comes back: status, masked and message status, sense written, host, driver, rest
_HEADER = struct.Struct("@iiBBHIPPPIIiPBBBBHHiII")
_STATUS, _HOST_STATUS, _DRIVER_STATUS = 13, 17, 18
_DRIVER_SENSE = 0x08
_ILLEGAL_REQUEST = 5

Ioctl = Callable[[int, int, bytearray], object]


def _ioctl(fd: int, request: int, argument: bytearray) -> object:
    return fcntl.ioctl(fd, request, argument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ejection:
    """What became of letting a card go."""

    text: str
    """For people: "ejected", "may be pulled", or why neither."""
    is_done: bool
    """Nothing is left to be done before it is pulled."""


def eject(device: Device, host: Host = THIS_HOST, *, ioctl: Ioctl = _ioctl) -> Ejection:
    """Flush `device` and, where it understands that, have its medium given out."""
    if device.kind in (DeviceKind.LOOP, DeviceKind.FILE):
        return Ejection(text="nothing to eject", is_done=True)
    if places := _mounts(device, host):
        return Ejection(
            text=f"{device.path} was mounted at {places} meanwhile; unmount it before you pull it",
            is_done=False,
        )
    try:
        # Stopping a disk counts as writing to it.
        fd = os.open(device.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return _failed(device, error)
    try:
        return _eject(fd, device, ioctl)
    except OSError as error:
        return _failed(device, error)
    finally:
        os.close(fd)


def _mounts(device: Device, host: Host) -> str:
    """Return where the desktop put the new file systems as soon as it saw them."""
    mounts = read_usage(host).mounts
    names = {device.path.name, *partition_names(host, device.path.name)}
    return ", ".join(place for name in sorted(names) for place in mounts.get(name, ()))


def _eject(fd: int, device: Device, ioctl: Ioctl) -> Ejection:
    os.fsync(fd)
    ioctl(fd, _BLKFLSBUF, bytearray(8))
    if not _is_scsi(device):
        return Ejection(text=f"{device.path} may be pulled", is_done=True)
    try:
        _command(fd, _ALLOW_REMOVAL, ioctl)
        _command(fd, _STOP_AND_EJECT, ioctl)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL):
            raise
        # It has no such command: as with a slot, all there is to do was done.
        return Ejection(text=f"{device.path} may be pulled", is_done=True)
    return Ejection(text=f"{device.path} is ejected", is_done=True)


def _is_scsi(device: Device) -> bool:
    return device.path.name.startswith("sd")


def _command(fd: int, command: bytes, ioctl: Ioctl) -> None:
    """Send a command without data.

    Raises:
        OSError: EOPNOTSUPP when the disk does not know it, EIO when it refuses.
    """
    words, sense = create_string_buffer(command, len(command)), create_string_buffer(_SENSE_BYTES)
    header = bytearray(
        _HEADER.pack(
            ord("S"),
            _NO_DATA,
            len(command),
            _SENSE_BYTES,
            0,
            0,
            0,
            addressof(words),
            addressof(sense),
            _TIMEOUT_MS,
            *bytes(12),
        )
    )
    ioctl(fd, _SG_IO, header)
    fields = _HEADER.unpack(header)
    is_driver_fault = fields[_DRIVER_STATUS] & ~_DRIVER_SENSE
    if not fields[_STATUS] and not fields[_HOST_STATUS] and not is_driver_fault:
        return
    unknown = _sense_key(sense.raw) == _ILLEGAL_REQUEST
    raise OSError(
        errno.EOPNOTSUPP if unknown else errno.EIO, f"it refused command {command[0]:#04x}"
    )


def _sense_key(sense: bytes) -> int:
    """Return the kind of a refusal, in either of the two formats of its explanation."""
    is_descriptor = sense[0] & 0x7F in (0x72, 0x73)
    return sense[1 if is_descriptor else 2] & 0x0F


def _failed(device: Device, error: OSError) -> Ejection:
    reason = (error.strerror or str(error)).lower()
    return Ejection(
        text=f"{device.path} was not ejected ({reason}); eject it before you pull it",
        is_done=False,
    )
