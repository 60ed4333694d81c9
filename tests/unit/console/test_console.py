# SPDX-License-Identifier: Apache-2.0
"""Consoles opened, read and refused: pseudo-terminals, TCP and RFC 2217."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from edge.errors import NodeError
from edge.provision.console import Console, list_adapters, open_console
from edge.provision.console import server as server_module
from edge.provision.console.adapter import stable_path
from edge.provision.console.server import ServerPort
from tests.fakes.port_server import PortServer


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
    with PortServer() as server:
        with open_console(server.url, 1500000) as console:
            assert server.line.baudrate == 1500000
            server.say(b"edge: loader\r\n\xff")
            assert read_all(console, 15) == b"edge: loader\r\n\xff"
        with open_console(server.url, 9600) as console:
            assert server.line.baudrate == 9600


def test_first_and_last_words_of_a_console_server_are_kept() -> None:
    """What it says while the connection is made, and just before it ends, is read."""
    with PortServer(greeting=b"first words, ") as server, open_console(server.url) as console:
        server.say(b"x" * 9000 + b" last words")
        server.hang_up()
        text = read_all(console, 9024)
        assert text.startswith(b"first words, x")
        assert text.endswith(b"x last words")
        with pytest.raises(NodeError, match="went away: the other end closed it"):
            console.read(5.0)


def test_console_server_may_come_back() -> None:
    """A console server that hung up is connected to again, speed and all."""
    with PortServer() as server, open_console(server.url, 57600) as console:
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
    with PortServer() as server, open_console(server.url) as console:
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
        pytest.raises(NodeError, match=r"the other end does not speak RFC 2217$") as caught,
    ):
        open_console(f"rfc2217://127.0.0.1:{server.getsockname()[1]}")
    assert "socket://127.0.0.1:" in (caught.value.hint or "")


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_server_that_lost_its_power_is_noticed(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says no good-bye, so it is asked now and then, and given up within about a minute."""
    made: list[socket.socket] = []

    def connect(*args: Any, **more: Any) -> socket.socket:
        made.append(create(*args, **more))
        return made[-1]

    create = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", connect)
    with PortServer() as server, open_console(f"{scheme}://{server.url.partition('://')[2]}"):
        asks = [
            made[0].getsockopt(socket.IPPROTO_TCP, each)
            for each in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        ]
        assert made[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert asks[0] + asks[1] * asks[2] <= 60


def test_paths_without_a_stable_name_are_kept() -> None:
    """A device that udev gave no lasting name keeps its own."""
    assert stable_path("/dev/null") == "/dev/null"


def test_adapters_are_listed() -> None:
    """Listing the ports of this machine works whatever there is."""
    assert all(adapter.device and adapter.name for adapter in list_adapters())
