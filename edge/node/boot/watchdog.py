# SPDX-License-Identifier: Apache-2.0
"""The hardware watchdog, where there is one: PID 1 feeds it for as long as it runs its loop.

The wanted device and time-out can be changed while running: machined writes them to
`REQUEST` (two words) and PID 1 picks the file up at its next turn. Ioctl numbers are those of
linux/watchdog.h.
"""

import contextlib
import fcntl
import os
import struct
from pathlib import Path

REQUEST = Path("/run/edge/watchdog")
DEFAULT_DEVICE = Path("/dev/watchdog0")
DEFAULT_TIMEOUT_S = 60

_SET_TIMEOUT = 0xC0045706
_GET_TIMEOUT = 0x80045707


class Watchdog:
    """An open watchdog device; the machine resets when `feed` stays away for `timeout_s`."""

    def __init__(self, device: Path, timeout_s: int) -> None:
        self.device = device
        self._file = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
        self.timeout_s = self._set_timeout(timeout_s)

    def feed(self) -> None:
        """Put the reset off by another `timeout_s`."""
        os.write(self._file, b"\0")

    def close(self) -> None:
        """Disarm the watchdog where the driver allows it, and let go of the device."""
        with contextlib.suppress(OSError):
            os.write(self._file, b"V")
        with contextlib.suppress(OSError):
            os.close(self._file)

    def _set_timeout(self, wanted_s: int) -> int:
        # Drivers with a short maximum refuse a long time-out; then their own stays.
        for number, value in ((_SET_TIMEOUT, wanted_s), (_GET_TIMEOUT, 0)):
            with contextlib.suppress(OSError):
                answer = fcntl.ioctl(self._file, number, struct.pack("i", value))
                return int(struct.unpack("i", answer)[0])
        return wanted_s


class WatchdogKeeper:
    """Keeps the wanted watchdog open and fed."""

    def __init__(self, request: Path = REQUEST) -> None:
        self._request = request
        self._wanted: tuple[Path, int] | None = None
        self._watchdog: Watchdog | None = None

    def tend(self) -> None:
        """Open, change and feed the watchdog as wanted; a missing device is no error."""
        wanted = self._read_request()
        if wanted != self._wanted or (self._watchdog is None and wanted[0].exists()):
            self._wanted = wanted
            self._open(*wanted)
        if self._watchdog:
            with contextlib.suppress(OSError):
                self._watchdog.feed()

    def _open(self, device: Path, timeout_s: int) -> None:
        if self._watchdog:
            self._watchdog.close()
            self._watchdog = None
        with contextlib.suppress(OSError):
            # Opened for writing: better not somebody's disk.
            if device.is_char_device():
                self._watchdog = Watchdog(device, timeout_s)

    def _read_request(self) -> tuple[Path, int]:
        try:
            device, timeout = self._request.read_text().split()
            return Path(device), int(timeout)
        except (OSError, ValueError):
            return DEFAULT_DEVICE, DEFAULT_TIMEOUT_S
