# SPDX-License-Identifier: Apache-2.0
"""Consoles opened, read and refused: pseudo-terminals, TCP and RFC 2217."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import serial
from serial.rfc2217 import PortManager

from edge.errors import NodeError
from edge.provision.console import Console, list_adapters, open_console
from edge.provision.console.adapter import stable_path


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


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # in pyserial 3.5
def test_terminal_server() -> None:
    """An RFC 2217 terminal server is read like any other console."""
    with _terminal_server() as (url, says), open_console(url) as console:
        says(b"edge: loader\r\n")
        assert read_all(console, 14) == b"edge: loader\r\n"


def test_paths_without_a_stable_name_are_kept() -> None:
    """A device that udev gave no lasting name keeps its own."""
    assert stable_path("/dev/null") == "/dev/null"


def test_adapters_are_listed() -> None:
    """Listing the ports of this machine works whatever there is."""
    assert all(adapter.device and adapter.name for adapter in list_adapters())


@contextmanager
def _terminal_server() -> Iterator[tuple[str, Callable[[bytes], None]]]:
    """Serve one client with pyserial's own protocol end; give the URL and what makes it speak."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, connections), daemon=True)
        thread.start()

        def say(data: bytes) -> None:
            connections[0].sendall(data)

        yield f"rfc2217://127.0.0.1:{server.getsockname()[1]}", say
        thread.join(timeout=10)


def _serve(server: socket.socket, connections: list[socket.socket]) -> None:
    connection = server.accept()[0]
    connections.append(connection)
    with connection, closing(serial.serial_for_url("loop://")) as line:
        # Typed for pyserial's own two classes; it needs this much of them.
        manager = PortManager(cast("Any", line), cast("Any", _Writer(connection)))
        while data := connection.recv(1024):
            b"".join(manager.filter(data))


class _Writer:
    """The one method that pyserial's protocol end wants of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall
