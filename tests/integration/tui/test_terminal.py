# SPDX-License-Identifier: Apache-2.0
"""`edgectl tui` and `edgectl dashboard` on a real (pseudo) terminal."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.provision.lab import Lab

PATIENCE_S = 60.0
LEFT_ALTERNATE_SCREEN = b"\x1b[?1049l"


class Terminal:
    """One edgectl and the terminal it runs on."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self._master = master
        self.output = b""

    def wait_for(self, text: bytes) -> None:
        """Read until `text` was written."""
        self._read(lambda: text in self.output)
        assert text in self.output, self.output[-2000:]

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def finish(self) -> int:
        """Read until the program ends; return its exit code."""
        self._read(lambda: self.process.poll() is not None)
        return self.process.wait(timeout=60)

    def _read(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not done() and time.monotonic() < deadline:
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                self.output += os.read(self._master, 65536)
            except OSError:  # the other end is closed
                self.process.wait(timeout=PATIENCE_S)


@contextmanager
def edgectl(*arguments: str, home: Path) -> Iterator[Terminal]:
    """Run edgectl on a terminal of its own."""
    master, slave = pty.openpty()
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
        "EDGECTL_HOME": str(home / "home"),
        "HOME": str(home),
        "TERM": "xterm-256color",
        "COLUMNS": "100",
        "LINES": "30",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        cwd=home,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_nodes_open_and_quit(tmp_path: Path, key: bytes) -> None:
    """Without network knowledge or configuration it opens; q and ctrl-C leave a clean terminal."""
    with edgectl("tui", home=tmp_path) as terminal:
        terminal.wait_for(b"Filter")
        terminal.press(key)
        assert terminal.finish() == 0
        assert LEFT_ALTERNATE_SCREEN in terminal.output


def test_signal_leaves_a_usable_terminal(tmp_path: Path) -> None:
    """Whoever is told to end does so in good order."""
    with edgectl("tui", home=tmp_path) as terminal:
        terminal.wait_for(b"Filter")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.finish() == 0
        assert LEFT_ALTERNATE_SCREEN in terminal.output


def test_dashboard_of_a_node_in_maintenance(lab: Lab, tmp_path: Path) -> None:
    """--insecure shows a node in maintenance without any client configuration."""
    node = lab.up(1)[0]
    with edgectl("dashboard", "-i", "-n", node.address, home=tmp_path) as terminal:
        terminal.wait_for(b"card 1, flashed")
        terminal.press(b"q")
        assert terminal.finish() == 0


def test_wrong_client_configuration_is_one_line(tmp_path: Path) -> None:
    """A file that is not there is told before anything is drawn."""
    with edgectl("tui", "--talosconfig", "missing", home=tmp_path) as terminal:
        assert terminal.finish() == 2
        assert b"edgectl: reading missing: No such file or directory" in terminal.output
        assert LEFT_ALTERNATE_SCREEN not in terminal.output


@pytest.mark.parametrize("command", [("tui",), ("dashboard", "-i", "-n", "127.0.0.1")])
def test_no_terminal_is_refused(command: tuple[str, ...]) -> None:
    """In a pipe it says what prints instead."""
    result = subprocess.run(
        [sys.executable, "-m", "edge", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert result.returncode == 2
    assert "this needs a terminal" in result.stderr
