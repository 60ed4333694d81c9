# SPDX-License-Identifier: Apache-2.0
"""`edgectl console` over TCP: what goes to stdout, what to stderr, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge.cli.main import run

BOOT = b"Welcome to GRUB!\r\nedge: loader\r\nedge: maintenance at 10.0.0.2\r\n"


@contextmanager
def board(text: bytes = BOOT) -> Iterator[str]:
    """Serve one console client: say `text` and hold the line."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, text))
        thread.start()
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def _serve(server: socket.socket, text: bytes) -> None:
    with server.accept()[0] as connection:
        connection.sendall(text)
        while connection.recv(100):
            pass


def test_console_and_stages_are_apart(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The console goes to stdout untouched; stages and the summary go to stderr."""
    with board() as url:
        assert run(["console", url, "--until", "maintenance", "--timeout", "20"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == BOOT
    assert b"stage grub (boot 1): Welcome to GRUB!" in err
    assert b"1 boot, last stage maintenance" in err


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """With `-o jsonl --stages-only`, stdout holds one object a stage and nothing else."""
    with board() as url:
        arguments = ["console", url, "--until", "maintenance", "-o", "jsonl", "--stages-only"]
        assert run(arguments) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["stage"] for row in rows] == ["grub", "loader", "maintenance"]


def test_stage_that_does_not_come(capsys: pytest.CaptureFixture[str]) -> None:
    """A stage that is not reached in time is an error that says how far the board came."""
    with board() as url:
        assert run(["console", url, "--until", "running", "--timeout", "0.5"]) == 9
    assert "no running within 0.5 s; last was maintenance" in capsys.readouterr().err


def test_unknown_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown stage is a usage error that lists the known ones."""
    assert run(["console", "socket://x:1", "--until", "nirvana"]) == 2
    assert "maintenance" in capsys.readouterr().err


def test_speed_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A speed and a board that has one are not accepted together."""
    assert run(["console", "socket://x:1", "--baud", "9600", "--board", "qemu-arm64"]) == 2
    assert "do not go together" in capsys.readouterr().err


def test_without_a_device_the_ports_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a device the command lists what could be one, and succeeds."""
    assert run(["console"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("DEVICE") or "no serial port found" in captured.err


def test_interrupt_ends_well() -> None:
    """Ctrl-C ends the console with a summary and exit code 0."""
    with board() as url:
        command = [sys.executable, "-m", "edge", "console", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert any(b"stage maintenance" in line for line in process.stderr)
            assert process.stdout.read(len(BOOT)) == BOOT
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
            assert b"1 boot, last stage" in process.stderr.read()
