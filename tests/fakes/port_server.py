# SPDX-License-Identifier: Apache-2.0
"""A console server that speaks RFC 2217 on loopback, by pyserial's own end of the protocol."""

import queue
import socket
import threading
from contextlib import suppress
from typing import Any, cast

import serial
from serial.rfc2217 import PortManager


class PortServer:
    """Serves one client at a time at the same port; a new client first hears `greeting`."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.line = serial.serial_for_url("loop://")
        self._greeting = greeting
        self._place = ("127.0.0.1", 0)
        self._clients: queue.Queue[socket.socket] = queue.Queue()
        self.come_back()

    def __enter__(self) -> "PortServer":
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.close()
        self.line.close()

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"rfc2217://127.0.0.1:{self._place[1]}"

    def say(self, data: bytes) -> None:
        """Print to the latest client, as the protocol wants it spelled."""
        client = self._clients.get(timeout=60)
        client.sendall(data.replace(b"\xff", b"\xff\xff"))
        self._clients.put(client)

    def hang_up(self) -> None:
        """End the connection of the latest client; the next one may come."""
        client = self._clients.get(timeout=60)
        client.shutdown(socket.SHUT_WR)

    def go_away(self) -> None:
        """Take no clients any more, and end the connection of the latest."""
        # A closed socket alone would not wake up who waits for it.
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.hang_up()

    def come_back(self) -> None:
        """Take clients at the same port as before."""
        self._server = socket.create_server(self._place)
        self._place = self._server.getsockname()
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def _serve(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                self._talk(server.accept()[0])

    def _talk(self, client: socket.socket) -> None:
        # Who leaves with text unread resets the connection.
        with client, suppress(ConnectionError):
            # Typed for pyserial's own two classes; it needs this much of them.
            manager = PortManager(cast("Any", self.line), cast("Any", _Writer(client)))
            client.sendall(self._greeting)
            self._clients.put(client)
            while data := client.recv(1024):
                b"".join(manager.filter(data))


class _Writer:
    """The one method that pyserial's protocol end wants of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall
