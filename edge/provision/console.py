# SPDX-License-Identifier: Apache-2.0
"""Serial consoles: find the adapters of this machine, and open one to read from it.

A console is a device (`/dev/ttyUSB0`, a pseudo-terminal), `socket://host:port` as emulators
offer, or `rfc2217://host:port` of a terminal server. It is only ever read.
"""

import errno
import re
import select
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import serial
from serial.tools import list_ports

from edge.errors import NodeError

DEFAULT_BAUD: Final = 115200
POLL_S: Final = 0.2
CONNECT_TIMEOUT_S: Final = 5.0
CHUNK_BYTES: Final = 4096

_BY_ID = Path("/dev/serial/by-id")
_NESTED: Final = re.compile(r"\(\d+, '([^']+)'\)")

# USB vendor and product -> what is printed on the adapter
_ADAPTERS: Final = {
    (0x0403, 0x6001): "FTDI FT232R",
    (0x0403, 0x6010): "FTDI FT2232",
    (0x0403, 0x6011): "FTDI FT4232",
    (0x0403, 0x6014): "FTDI FT232H",
    (0x0403, 0x6015): "FTDI FT231X",
    (0x10C4, 0xEA60): "Silicon Labs CP210x",
    (0x10C4, 0xEA70): "Silicon Labs CP2105 (two ports)",
    (0x10C4, 0xEA71): "Silicon Labs CP2108 (four ports)",
    (0x1A86, 0x7523): "WCH CH340",
    (0x1A86, 0x5523): "WCH CH341",
    (0x1A86, 0x55D3): "WCH CH343",
    (0x1A86, 0x55D4): "WCH CH9102",
    (0x067B, 0x2303): "Prolific PL2303",
    (0x067B, 0x23A3): "Prolific PL2303GC",
    (0x2E8A, 0x0004): "Raspberry Pi Pico probe",
    (0x2E8A, 0x000A): "Raspberry Pi Pico",
    (0x2E8A, 0x000C): "Raspberry Pi Debug Probe",
    (0x0955, 0x7045): "NVIDIA Jetson AGX Orin console",
    (0x0955, 0x7020): "NVIDIA Jetson running Linux",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A serial port of this machine that may lead to a board."""

    device: str
    """The path that stays the same when it is plugged in again, where there is one."""
    name: str
    port: str
    """The path that the kernel gave it this time."""


class Port(Protocol):
    """Where the bytes of a console come from; raises OSError once it is gone."""

    def read(self, timeout_s: float) -> bytes:
        """Return what is there, waiting at most about `timeout_s` for the first byte."""

    def close(self) -> None:
        """Let go of it."""


class Console:
    """An open console; reading never takes longer than asked."""

    def __init__(self, name: str, baud: int = DEFAULT_BAUD) -> None:
        self.name = name
        self.baud = baud
        self._port = _open(name, baud)

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def read(self, timeout_s: float = POLL_S) -> bytes:
        """Return what came, waiting at most about `timeout_s` for the first byte.

        Raises:
            NodeError: when the console went away.
        """
        try:
            return self._port.read(timeout_s)
        except (OSError, TypeError, ValueError) as error:
            # pyserial trips over its own None when a port is closed under it (TypeError).
            raise NodeError(f"console {self.name} went away: {_reason(error)}") from error

    def reopen(self) -> None:
        """Open the same console again after it went away.

        Raises:
            NodeError: when it is not back yet.
        """
        self.close()
        self._port = _open(self.name, self.baud)

    def close(self) -> None:
        """Release the port."""
        with suppress(OSError):
            self._port.close()


class _DevicePort:
    """A serial device, or a pseudo-terminal in its place."""

    def __init__(self, path: str, baud: int) -> None:
        # Locked, so that two readers never get half of the text each.
        self._serial = serial.Serial(path, baudrate=baud, timeout=0, exclusive=True)

    def read(self, timeout_s: float) -> bytes:
        if not select.select([self._serial.fileno()], [], [], timeout_s)[0]:
            return b""
        return bytes(self._serial.read(CHUNK_BYTES))

    def close(self) -> None:
        self._serial.close()


class _SocketPort:
    """A TCP console. pyserial's own discards what an emulator says before it is ready."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError("expected socket://HOST:PORT")
        self._socket = socket.create_connection((parts.hostname, parts.port), CONNECT_TIMEOUT_S)

    def read(self, timeout_s: float) -> bytes:
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return b""
        data = self._socket.recv(CHUNK_BYTES)
        if not data:
            raise ConnectionError("the other end closed it")
        return data

    def close(self) -> None:
        self._socket.close()


class _UrlPort:
    """Any other port that pyserial can reach, such as rfc2217://host:port."""

    def __init__(self, url: str, baud: int) -> None:
        self._serial = serial.serial_for_url(url, baudrate=baud, timeout=POLL_S)

    def read(self, timeout_s: float) -> bytes:  # noqa: ARG002 -- set when it was opened
        # Never more than is there: a read that meets the end would lose what it has.
        return bytes(self._serial.read(max(1, self._serial.in_waiting)))

    def close(self) -> None:
        self._serial.close()


def list_adapters() -> list[Adapter]:
    """Return the serial ports of this machine, known USB adapters first."""
    adapters = [
        Adapter(
            device=stable_path(port.device),
            name=_ADAPTERS.get((port.vid, port.pid), port.description or port.device),
            port=port.device,
        )
        for port in list_ports.comports()
    ]
    return sorted(adapters, key=lambda one: (one.device == one.port, one.device))


def stable_path(device: str) -> str:
    """Return the /dev/serial/by-id path of `device`, or `device` when it has none."""
    if not _BY_ID.is_dir():
        return device
    real = Path(device).resolve()
    links = sorted(link for link in _BY_ID.iterdir() if link.resolve() == real)
    return str(links[0]) if links else device


def open_console(url_or_device: str, baud: int = DEFAULT_BAUD) -> Console:
    """Open a console for reading, locked against other programs that lock.

    Raises:
        NodeError: when it is missing, busy, not permitted or not a serial port.
    """
    name = url_or_device if "://" in url_or_device else stable_path(url_or_device)
    return Console(name, baud)


def _open(name: str, baud: int) -> Port:
    try:
        if name.startswith("socket://"):
            return _SocketPort(name)
        return _UrlPort(name, baud) if "://" in name else _DevicePort(name, baud)
    except (OSError, ValueError) as error:
        raise _refusal(name, error) from error


def _refusal(name: str, error: Exception) -> NodeError:
    code = getattr(error, "errno", None)
    if code == errno.ENOENT:
        return NodeError(f"console {name}: there is no such device", hint=_candidates())
    if code in (errno.EACCES, errno.EPERM):
        return NodeError(
            f"console {name}: you may not open it",
            hint="join the group that may: sudo usermod -aG dialout $USER, then log in again",
        )
    if code in (errno.EBUSY, errno.EAGAIN):
        return NodeError(
            f"console {name}: another program has it open",
            hint="close the other terminal program (minicom, screen, picocom, ModemManager)",
        )
    return NodeError(f"console {name}: {_reason(error)}", hint=_candidates())


def _candidates() -> str:
    found = [f"{one.device} ({one.name})" for one in list_adapters()]
    if not found:
        return "plug in a serial adapter; none is connected now"
    return "connected now: " + ", ".join(found)


def _reason(error: Exception) -> str:
    """Return the innermost words of a pyserial error, which nests them."""
    if nested := _NESTED.search(str(error)):
        return nested[1]
    return str(error).rpartition("] ")[2].rstrip("'").rstrip(")") or type(error).__name__
