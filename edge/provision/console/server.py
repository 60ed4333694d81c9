# SPDX-License-Identifier: Apache-2.0
"""A port of a console server, by RFC 2217: it is told the speed, and only ever read.

pyserial speaks the protocol. Three things are otherwise here: what the server says before the
connection is made and just before it ends is kept, and its reading thread waits for its reader
instead of filling the memory.
"""

import queue
import socket
import threading
import warnings
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from serial import rfc2217

CHUNK_BYTES: Final = 4096
BACKLOG_BYTES: Final = 1 << 20
_END: Final = b""
# A console is silent for days, and a server that lost its power says no good-bye: it is asked
# after half a minute of silence, and given up half a minute later.
_ASK_AFTER_S: Final = 30
_ASK_EVERY_S: Final = 10
_ASK_TIMES: Final = 3


class ServerPort:
    """An open port of a console server; raises OSError once it is gone."""

    def __init__(self, url: str, baud: int) -> None:
        """Connect and set the speed.

        Raises:
            OSError, ValueError: when that fails.
        """
        split_place(url)
        self._has_ended = False
        with warnings.catch_warnings():
            # pyserial 3.5 names its threads in the old way.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._serial = _KeepingSerial(url, baudrate=baud)

    @property
    def backlog_bytes(self) -> int:
        """Return how much was read ahead."""
        return self._serial.backlog.qsize()

    def read(self, timeout_s: float) -> bytes:
        """Return what is there, waiting at most about `timeout_s` for the first byte."""
        data = bytearray()
        with suppress(queue.Empty):
            if self._has_ended:
                timeout_s = 0
            # Not by pyserial's read, which drops what is left once the connection has ended.
            byte = self._serial.backlog.get(timeout=timeout_s) if timeout_s else self._take()
            while byte != _END and len(data) < CHUNK_BYTES:
                data += byte
                byte = self._take()
            self._has_ended = self._has_ended or byte == _END
            data += byte
        if not data and (self._has_ended or not self._serial.is_alive):
            raise ConnectionError("the other end closed it")
        return bytes(data)

    def close(self) -> None:
        """Disconnect."""
        # Closing waits for the reading thread, and that one maybe for room.
        with suppress(queue.Empty):
            while True:
                self._take()
        self._serial.close()

    def _take(self) -> bytes:
        return self._serial.backlog.get_nowait()


def watch_other_end(connection: socket.socket) -> None:
    """Have reading fail within about a minute once nobody is at the other end any more."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _ASK_AFTER_S),
        ("TCP_KEEPINTVL", _ASK_EVERY_S),
        ("TCP_KEEPCNT", _ASK_TIMES),
    ):
        if option := getattr(socket, name, None):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


class _KeepingSerial(rfc2217.Serial):
    """pyserial's protocol with a backlog of our own."""

    backlog: "queue.Queue[bytes]"

    def open(self) -> None:
        """Connect, and notice when the server is gone."""
        super().open()
        watch_other_end(self.__dict__["_socket"])

    @property
    def is_alive(self) -> bool:
        """Say whether more can come."""
        thread: threading.Thread | None = self.__dict__.get("_thread")
        return thread is not None and thread.is_alive()

    @property
    def _read_buffer(self) -> "_Backlog":
        return _Backlog(self.backlog)

    @_read_buffer.setter
    def _read_buffer(self, _given: object) -> None:
        self.backlog = queue.Queue(BACKLOG_BYTES)

    def reset_input_buffer(self) -> None:
        """Keep what the board said while the connection was negotiated."""

    def reset_output_buffer(self) -> None:
        """Do nothing: nothing is ever sent."""


class _Backlog:
    """What pyserial's reading thread fills, as that thread wants it."""

    def __init__(self, backlog: "queue.Queue[bytes]") -> None:
        self._backlog = backlog

    def put(self, item: bytes | None) -> None:
        """Wait for room, which makes the console server wait; nothing is the end."""
        self._backlog.put(_END if item is None else item)


def split_place(url: str) -> tuple[str, int]:
    """Return host and port of a URL.

    Raises:
        ValueError: when it does not name both.
    """
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise ValueError(f"expected {parts.scheme}://HOST:PORT")
    return parts.hostname, parts.port
