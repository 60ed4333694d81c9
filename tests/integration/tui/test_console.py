# SPDX-License-Identifier: Apache-2.0
"""The console screen over real ports: a pseudo-terminal, a socket, and a node behind them."""

import asyncio
import os
import pty
import random
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from edge.provision.lab import Lab
from flasher.record import CardRecords, card_records
from tests.fakes.nodes import FakeServices
from tests.fakes.port_server import PortServer
from tests.tui.stage import SIZE, screen_text
from tui.app import EdgeApp
from tui.backend import Backend
from tui.console import Line
from tui.keyring import Keyring
from tui.screens.console import ConsoleScreen
from tui.screens.nodes import NodesScreen

PATIENCE_S = 60.0
BOOT = (Path(__file__).parents[2] / "golden/console/qemu-arm64.log").read_bytes()
PROMPT = b"\r\nWelcome to GRUB!\r\nerror: file `/a/vmlinuz' not found.\r\ngrub> "


@pytest.fixture
def board() -> Iterator[tuple[int, str]]:
    """Give the board's end of a serial cable, and the path of ours."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        for end in (master, slave):
            os.close(end)


class Server:
    """A console server that sends what it is told to whoever is connected."""

    def __init__(self) -> None:
        self.guests: list[asyncio.StreamWriter] = []
        self.gone = 0
        self._port = 0
        self._listening: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"socket://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Let guests in, at the same port as before."""
        self._listening = await asyncio.start_server(self.receive, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Send all guests away, and let nobody in."""
        assert self._listening is not None
        self._listening.close()
        for guest in self.guests:
            guest.close()
            with suppress(ConnectionError):
                await guest.wait_closed()
        self.guests.clear()

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a guest, and note when it goes."""
        self.guests.append(writer)
        # Who leaves with text unread resets the connection.
        with suppress(ConnectionError):
            assert await reader.read() == b""
        self.gone += 1
        writer.close()

    def send(self, data: bytes) -> None:
        """Send to all."""
        for guest in self.guests:
            guest.write(data)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Return a console server on loopback."""
    console = Server()
    await console.start()
    yield console
    await console.stop()


def chopped(data: bytes, seed: int) -> list[bytes]:
    """Cut bytes into pieces of any size."""
    rng, pieces = random.Random(seed), []
    while data:
        size = rng.randint(1, 200)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def times_open(path: str) -> int:
    """Return how often this process has a file open."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            count += str(each.readlink()) == path
    return count


def written(folder: Path) -> str:
    """Return the one log in a folder."""
    (log,) = folder.glob("console-*.log")
    return log.read_text()


@pytest.mark.parametrize("seed", [1, 2])
async def test_boot_is_watched_over_a_cable_and_let_go_of(
    board: tuple[int, str], seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the text is cut up: two boots, their stages, a file of it, and no port left open."""
    monkeypatch.chdir(tmp_path)
    master, path = board
    app = EdgeApp(FakeServices(), console=Line(port=path))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "● open")
        assert times_open(path) == 2
        await pilot.press("w")
        await until_shown(pilot, "● writing console-")
        for piece in chopped(BOOT, seed):
            await asyncio.to_thread(os.write, master, piece)
        await until_shown(pilot, "boot 2", "edge: powering off", "○ powered-off", "✓ machined")
        os.write(master, PROMPT)
        await until_shown(pilot, "boot 3", "✗ grub-failed", "grub> ")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, NodesScreen))
        await until(pilot, lambda: times_open(path) == 1)
    text = written(tmp_path)
    assert "edge: maintenance at 10.5.0.2" in text
    assert text.rstrip().endswith("grub>")
    assert "\x1b" not in text


async def test_two_programs_do_not_share_a_cable(board: tuple[int, str]) -> None:
    """The second one is told who is in the way."""
    _, path = board
    first = EdgeApp(FakeServices(), console=Line(port=path))
    second = EdgeApp(FakeServices(), console=Line(port=path))
    async with first.run_test(size=SIZE) as pilot, second.run_test(size=SIZE) as other:
        await until_shown(pilot, "● open")
        await until_shown(other, "✗ not open", "another program has it open")


async def test_the_same_cable_is_opened_again(board: tuple[int, str]) -> None:
    """A screen that is left lets go before the next one wants it, however quick the keys."""
    _, path = board
    app = EdgeApp(FakeServices())
    async with app.run_test(size=SIZE) as pilot:
        for _ in range(5):
            app.open_console(Line(port=path))
            await until(pilot, lambda: isinstance(app.screen, ConsoleScreen))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, NodesScreen))
        app.open_console(Line(port=path))
        await until_shown(pilot, "● open")


async def test_log_that_cannot_be_written_is_told(
    board: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console is read on without it."""
    master, path = board
    monkeypatch.setattr("tui.screens.console._log_path", lambda _now: Path("/proc/none/x.log"))
    app = EdgeApp(FakeServices(), console=Line(port=path))
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "● open")
        await pilot.press("w")
        await until_shown(pilot, "✗ cannot write the log /proc/none/x.log")
        os.write(master, b"still here\r\n")
        await until_shown(pilot, "still here")


async def test_socket_goes_and_comes_back(server: Server) -> None:
    """A console server that ends the connection is called again, and what was read stays."""
    app = EdgeApp(FakeServices(), console=Line(port=server.url))
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "● open")
        await until(pilot, lambda: server.guests)
        server.send(b"Welcome to GRUB!\r\n")
        await until_shown(pilot, "Welcome to GRUB!", "◐ grub")
        await server.stop()
        await until_shown(pilot, "✗ disconnected", "reading goes on by itself")
        await server.start()
        await until(pilot, lambda: server.guests)
        server.send(b"[    0.000000] Linux version 6.12.107-arm64\r\n")
        await until_shown(pilot, "● open", "Linux version", "✓ grub", "◐ kernel")
    await until(None, lambda: server.gone == 2)


async def test_console_server_goes_and_comes_back() -> None:
    """By RFC 2217 as by a plain socket; and who does not want to wait for it may leave."""
    with PortServer() as server:
        app = EdgeApp(FakeServices(), console=Line(port=server.url))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "● open", "rfc2217://")
            await asyncio.to_thread(server.say, b"Welcome to GRUB!\r\n")
            await until_shown(pilot, "Welcome to GRUB!", "◐ grub")
            await asyncio.to_thread(server.go_away)
            await until_shown(pilot, "✗ disconnected", "reading goes on by itself")
            server.come_back()
            await asyncio.to_thread(server.say, b"[    0.000000] Linux version 6.12\r\n")
            await until_shown(pilot, "● open", "Linux version", "✓ grub", "◐ kernel")
            await asyncio.to_thread(server.go_away)
            await until_shown(pilot, "✗ disconnected")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, NodesScreen))


async def test_flood_keeps_the_keys_alive(server: Server) -> None:
    """Megabytes of noise are shown as they can be, and q still leaves."""
    app = EdgeApp(FakeServices(), console=Line(port=server.url))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: server.guests)
        line = bytes(range(256)) * 4 + b"\r\n"
        server.send(line * 8000)
        await until_shown(pilot, "MiB")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, NodesScreen))
    await until(None, lambda: server.gone == 1)


async def test_node_is_configured_from_its_console(
    lab: Lab, files: Path, server: Server, tmp_path: Path
) -> None:
    """No discovery and no card record: the fingerprint on the console is what it is pinned to."""
    node = lab.up(1)[0]
    # Its owner's cards would vouch for it; here only the console does.
    services = Backend(Keyring(None), card_records(), discover=False)
    app = EdgeApp(services, console=Line(port=server.url))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: server.guests)
        for piece in chopped(BOOT[: BOOT.index(b"edge: maintenance")], 3):
            server.send(piece)
        said = f"edge: maintenance {node.address} fingerprint {node.fingerprint}\n"
        server.send(said.encode())
        await until_shown(pilot, f"◆ in maintenance at {node.address}", "a Apply")
        await pilot.press("a")
        await until(pilot, lambda: app.screen.query("#path"))
        app.screen.query_one("#path", Input).value = str(files / "controlplane.yaml")
        await pilot.press("enter")
        await until_shown(pilot, "this is the card you flashed (card 1)", "y Apply")
        await pilot.press("y")
        await until_shown(pilot, "Applied configuration")
        await pilot.press("escape", "escape")
        await until_shown(pilot, node.address, "● running")


async def test_impostor_behind_the_address_is_refused(
    lab: Lab, files: Path, server: Server, tmp_path: Path
) -> None:
    """Another node at the printed address gets no configuration, and no secret of it."""
    first, second = lab.up(2)
    services = Backend(Keyring(None), CardRecords(tmp_path / "none.db"), discover=False)
    app = EdgeApp(services, console=Line(port=server.url))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: server.guests)
        said = f"edge: maintenance {first.address} fingerprint {second.fingerprint}\n"
        server.send(b"edge: init\r\n" + said.encode())
        await until_shown(pilot, "a Apply")
        await pilot.press("a")
        await until(pilot, lambda: app.screen.query("#path"))
        app.screen.query_one("#path", Input).value = str(files / "controlplane.yaml")
        await pilot.press("enter")
        await until_shown(pilot, "not the expected node")


async def until(pilot: Pilot[Any] | None, condition: Any) -> None:
    """Let the app run until `condition` holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await (pilot.pause(0.05) if pilot else asyncio.sleep(0.05))


async def until_shown(pilot: Pilot[Any], *texts: str) -> None:
    """Let the app run until all `texts` can be read on its screen."""
    try:
        await until(pilot, lambda: all(text in screen_text(pilot) for text in texts))
    except TimeoutError:
        raise AssertionError(f"{texts} not on the screen:\n{screen_text(pilot)}") from None
