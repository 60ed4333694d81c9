# SPDX-License-Identifier: Apache-2.0
"""Serial consoles opened for reading, and opened again after they went away.

A console is a device (`/dev/ttyUSB0`, a pseudo-terminal), `socket://host:port` as emulators
offer, or `rfc2217://host:port` of a console server. It is only ever read.
"""

import errno
import os
import re
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import serial

from edge.errors import NodeError
from edge.provision.console.adapter import find_again, find_port, list_adapters, stable_path
from edge.provision.console.server import CHUNK_BYTES, ServerPort, split_place, watch_other_end

DEFAULT_BAUD: Final = 115200
POLL_S: Final = 0.2
CONNECT_TIMEOUT_S: Final = 5.0

_NESTED: Final = re.compile(r"\(\d+, '([^']+)'\)")
_SCHEMES: Final = ("socket", "rfc2217")


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
        self.port = _open(name, baud)
        # Who it is: names, lasting ones too, may belong to another adapter by the time it is back.
        adapter = None if "://" in name else find_port(name)
        self._adapter = adapter if adapter and adapter.usb_id else None

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
            return self.port.read(timeout_s)
        except (OSError, TypeError, ValueError) as error:
            # pyserial trips over its own None when a port is closed under it (TypeError).
            raise NodeError(f"console {self.name} went away: {_reason(error)}") from error

    def reopen(self) -> None:
        """Open the same console again after it went away.

        Raises:
            NodeError: when it is not back yet.
        """
        self.close()
        name = find_again(self._adapter) if self._adapter else self.name
        if name is None:
            raise NodeError(f"console {self.name}: its adapter is not back yet")
        self.port = _open(name, self.baud)

    def close(self) -> None:
        """Release the port."""
        with suppress(OSError):
            self.port.close()


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
        self._socket = socket.create_connection(split_place(url), CONNECT_TIMEOUT_S)
        watch_other_end(self._socket)

    def read(self, timeout_s: float) -> bytes:
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return b""
        data = self._socket.recv(CHUNK_BYTES)
        if not data:
            raise ConnectionError("the other end closed it")
        return data

    def close(self) -> None:
        self._socket.close()


def open_console(url_or_device: str, baud: int = DEFAULT_BAUD) -> Console:
    """Open a console for reading, locked against other programs that lock.

    Raises:
        NodeError: when it is missing, busy, not permitted or not a serial port.
    """
    name = url_or_device if "://" in url_or_device else stable_path(url_or_device)
    return Console(name, baud)


def check_url(name: str) -> None:
    """Check that `name`, if it is a URL, is one of a console.

    Raises:
        ValueError: when it is not.
    """
    scheme, separator, _ = name.partition("://")
    if separator and scheme not in _SCHEMES:
        raise ValueError(f"{scheme}:// is not known; use socket:// or rfc2217://")
    if separator:
        split_place(name)


def _open(name: str, baud: int) -> Port:
    try:
        check_url(name)
        scheme, separator, _ = name.partition("://")
        if not separator:
            return _DevicePort(name, baud)
        return _SocketPort(name) if scheme == "socket" else ServerPort(name, baud)
    except (OSError, ValueError, OverflowError) as error:
        raise _refusal(name, baud, error) from error


def _refusal(name: str, baud: int, error: Exception) -> NodeError:
    code = getattr(error, "errno", None)
    if code in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return NodeError(f"console {name}: there is no such device", hint=_candidates())
    if code in (errno.EACCES, errno.EPERM):
        return NodeError(
            f"console {name}: you may not open it",
            hint="join the group that may: sudo usermod -aG dialout $USER, then log in again",
        )
    if code in (errno.EBUSY, errno.EAGAIN):
        return NodeError(
            f"console {name}: {_holder(name)} has it open",
            hint="close the other terminal program (minicom, screen, picocom, ModemManager)",
        )
    fault = _fault(error, baud)
    return NodeError(f"console {name}: {fault}", hint=_way_out(name, fault))


def _fault(error: Exception, baud: int) -> str:
    words = str(error)
    if getattr(error, "errno", None) == errno.ENOTTY or "ioctl" in words:
        return "it is no serial port"
    if "not seem to support RFC2217" in words:
        return "the other end does not speak RFC 2217"
    if "speed" in words or "baud" in words.lower():
        return f"it cannot do {baud} baud"
    code = getattr(error, "errno", None)
    return os.strerror(code) if isinstance(code, int) and code > 0 else _reason(error)


def _way_out(name: str, fault: str) -> str:
    if name.startswith("rfc2217://") and "RFC 2217" in fault:
        return f"a plain TCP port is socket://{name.partition('://')[2]}"
    if "://" in name:
        return "see that the console server or emulator runs, and check host and port"
    return _candidates()


def _holder(device: str) -> str:
    """Return the name of the program that has `device` open, as far as we may see it."""
    real = str(Path(device).resolve())
    for entry in Path("/proc").glob("[0-9]*"):
        if entry.name == str(os.getpid()):
            continue
        with suppress(OSError):
            if any(str(link.readlink()) == real for link in (entry / "fd").iterdir()):
                return f"{(entry / 'comm').read_text().strip()} (process {entry.name})"
    return "another program"


def _candidates() -> str:
    found = [f"{one.device} ({one.name})" for one in list_adapters()]
    if not found:
        return "plug in a serial adapter; none is connected now"
    return "connected now: " + ", ".join(found)


def _reason(error: Exception) -> str:
    """Return the innermost words of a pyserial error, which nests them."""
    if nested := _NESTED.search(str(error)):
        return nested[1]
    words = str(error).rpartition("] ")[2].rstrip("'").rstrip(")")
    return " ".join(words.split()) or type(error).__name__
