# SPDX-License-Identifier: Apache-2.0
"""Consoles opened, read and refused: pseudo-terminals, TCP and RFC 2217."""

import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
import serial
from serial.rfc2217 import PortManager

from edge.errors import NodeError
from edge.provision.console import Console, list_adapters, open_console
from edge.provision.console import server as server_module
from edge.provision.console.adapter import stable_path
from edge.provision.console.server import ServerPort


@pytest.fixture
def board() -> Iterator[tuple[int, str]]:
    """Give the board's end of a serial line, and the path of ours."""
    ours, theirs = os.openpty()
    try:
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def read_all(console: Console, size: int) -> bytes:
    """Read until `size` bytes came, in at most a hundred turns."""
    data = b""
    for _ in range(100):
        data += console.read(0.1)
        if len(data) >= size:
            break
    return data


def test_pseudo_terminal_is_read_raw(board: tuple[int, str]) -> None:
    """A serial device gives every byte as it was sent, and nothing when nothing was."""
    with open_console(board[1]) as console:
        sent = bytes(range(256))
        os.write(board[0], sent)
        assert read_all(console, 256) == sent
        assert console.read(0) == b""


def test_second_reader_is_refused(board: tuple[int, str]) -> None:
    """Two programs reading one line would each get half, so the second is told."""
    with open_console(board[1]), pytest.raises(NodeError, match="another program has it open"):
        open_console(board[1])


def test_missing_device_names_what_is_there(tmp_path: Path) -> None:
    """A device that is not there is named, with the ports that are."""
    with pytest.raises(NodeError, match="there is no such device") as caught:
        open_console(str(tmp_path / "ttyUSB9"))
    assert caught.value.hint is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permission")
def test_missing_permission_names_the_group(board: tuple[int, str]) -> None:
    """Who may not open the device learns which group to join."""
    os.seteuid(65534)
    try:
        with pytest.raises(NodeError, match="you may not open it") as caught:
            open_console(board[1])
    finally:
        os.seteuid(0)
    assert "dialout" in (caught.value.hint or "")


def test_file_is_no_console(tmp_path: Path) -> None:
    """A path that is no serial port is refused in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(NodeError, match=r"file: it is no serial port"):
        open_console(str(tmp_path / "file"))


def test_tcp_loses_nothing() -> None:
    """What the other end said before we were ready is kept, and its end is an error."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        open_console(f"socket://127.0.0.1:{server.getsockname()[1]}") as console,
    ):
        with server.accept()[0] as board:
            board.sendall(b"first words, " + b"x" * 9000)
        assert read_all(console, 9013).startswith(b"first words, x")
        with pytest.raises(NodeError, match="went away: the other end closed it"):
            console.read(1.0)


@pytest.mark.parametrize("url", ["socket://", "socket://host", "socket://host:x", "nothing://x"])
def test_malformed_url(url: str) -> None:
    """A URL that names no console is refused in one line."""
    with pytest.raises(NodeError, match=r"^console "):
        open_console(url)


def test_refused_connection() -> None:
    """A port that nobody listens on is named with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NodeError, match=f"{port}: .*refused"):
        open_console(f"socket://127.0.0.1:{port}")


def test_console_server_is_read_and_told_the_speed() -> None:
    """An RFC 2217 server is read like any other console, and sets the speed that it is asked."""
    with ConsoleServer() as server:
        with open_console(server.url, 1500000) as console:
            assert server.line.baudrate == 1500000
            server.say(b"edge: loader\r\n\xff")
            assert read_all(console, 15) == b"edge: loader\r\n\xff"
        with open_console(server.url, 9600) as console:
            assert server.line.baudrate == 9600


def test_first_and_last_words_of_a_console_server_are_kept() -> None:
    """What it says while the connection is made, and just before it ends, is read."""
    with ConsoleServer(greeting=b"first words, ") as server, open_console(server.url) as console:
        server.say(b"x" * 9000 + b" last words")
        server.hang_up()
        text = read_all(console, 9024)
        assert text.startswith(b"first words, x")
        assert text.endswith(b"x last words")
        with pytest.raises(NodeError, match="went away: the other end closed it"):
            console.read(5.0)


def test_console_server_may_come_back() -> None:
    """A console server that hung up is connected to again, speed and all."""
    with ConsoleServer() as server, open_console(server.url, 57600) as console:
        server.hang_up()
        with pytest.raises(NodeError, match="went away"):
            console.read(5.0)
        console.reopen()
        server.say(b"again")
        assert read_all(console, 5) == b"again"
        assert server.line.baudrate == 57600


def test_backlog_of_a_console_server_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads: the connection waits instead of filling the memory, and closes at once."""
    monkeypatch.setattr(server_module, "BACKLOG_BYTES", 1000)
    with ConsoleServer() as server, open_console(server.url) as console:
        server.say(b"x" * 20_000)
        reader = console.port
        assert isinstance(reader, ServerPort)
        deadline = monotonic() + 60
        while reader.backlog_bytes < 1000:
            assert monotonic() < deadline, "it is never full"
        assert reader.backlog_bytes == 1000
        assert len(read_all(console, 19_000)) >= 19_000


def test_server_that_is_no_console_server_is_refused() -> None:
    """A port where somebody speaks another protocol is named in one line."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(NodeError, match=r"^console rfc2217://.*RFC2217"),
    ):
        open_console(f"rfc2217://127.0.0.1:{server.getsockname()[1]}")


def test_paths_without_a_stable_name_are_kept() -> None:
    """A device that udev gave no lasting name keeps its own."""
    assert stable_path("/dev/null") == "/dev/null"


def test_adapters_are_listed() -> None:
    """Listing the ports of this machine works whatever there is."""
    assert all(adapter.device and adapter.name for adapter in list_adapters())


class ConsoleServer:
    """pyserial's own end of RFC 2217, for one client at a time."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.line = serial.serial_for_url("loop://")
        self._greeting = greeting
        self._server = socket.create_server(("127.0.0.1", 0))
        self._clients: queue.Queue[socket.socket] = queue.Queue()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "ConsoleServer":
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.close()
        self.line.close()

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"rfc2217://127.0.0.1:{self._server.getsockname()[1]}"

    def say(self, data: bytes) -> None:
        """Print to the latest client, as the protocol wants it spelled."""
        client = self._clients.get(timeout=60)
        client.sendall(data.replace(b"\xff", b"\xff\xff"))
        self._clients.put(client)

    def hang_up(self) -> None:
        """End the connection of the latest client."""
        client = self._clients.get(timeout=60)
        client.shutdown(socket.SHUT_WR)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._talk(self._server.accept()[0])

    def _talk(self, client: socket.socket) -> None:
        with client:
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
