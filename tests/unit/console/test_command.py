# SPDX-License-Identifier: Apache-2.0
"""`edgectl console` over TCP: what goes to stdout, what to stderr, and how it ends."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from edge.cli.console import Printer
from edge.cli.main import run
from edge.provision.console import ConsoleOutput
from tests.fakes.port_server import PortServer

PIN = base64.b64encode(bytes(range(32))).decode()
BOOT = (
    "Welcome to GRUB!\r\nedge: loader\r\n"
    f"edge: maintenance 10.0.0.2 fingerprint {PIN} card 0123456789abcdef\r\n"
).encode()
PANIC = b"[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n"


@contextmanager
def board(text: bytes = BOOT, *, stays: bool = True) -> Iterator[str]:
    """Serve one console client: say `text` and hold the line, or go away."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, text, stays))
        thread.start()
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def _serve(server: socket.socket, text: bytes, stays: bool) -> None:
    with server.accept()[0] as connection:
        if not stays:
            server.close()
        connection.sendall(text)
        while stays and connection.recv(100):
            pass


def test_console_and_stages_are_apart(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The console goes to stdout untouched; stages and the timeline go to stderr."""
    with board() as url:
        assert run(["console", url, "--timeout", "0.5"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == BOOT
    assert b"stage grub (boot 1): Welcome to GRUB!" in err
    assert b"1 boot, last stage maintenance" in err
    assert b"boot 1                at      took" in err


def test_expected_stage_prints_the_facts(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """With --expect stdout holds what a script wants to know, and the console is beside it."""
    with board() as url:
        assert run(["console", url, "--expect", "maintenance", "--timeout", "20"]) == 0
    out, err = capfdbinary.readouterr()
    facts = dict(line.split("=", 1) for line in out.decode().splitlines())
    assert facts.pop("seconds")
    assert facts == {
        "stage": "maintenance",
        "boot": "1",
        "address": "10.0.0.2",
        "fingerprint": PIN,
        "card": "0123456789abcdef",
    }
    assert BOOT in err


def test_address_can_be_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """With --with-address a node that still has none has not come far enough."""
    early = f"edge: maintenance without an address fingerprint {PIN}\r\n".encode()
    with board(early + BOOT) as url:
        arguments = ["--expect", "maintenance", "--with-address", "--timeout", "20", "-o", "json"]
        assert run(["console", url, *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["node"]["addresses"] == ["10.0.0.2"]
    with board(early) as url:
        arguments = ["--expect", "maintenance", "--with-address", "--timeout", "0.5"]
        assert run(["console", url, *arguments]) == 11
    assert "last was maintenance: edge: maintenance without an address" in capsys.readouterr().err


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """With `-o jsonl --stages`, stdout holds one object an event and a last one for all."""
    with board() as url:
        arguments = ["console", url, "--expect", "maintenance", "-o", "jsonl", "--stages"]
        assert run(arguments) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    stages = [row["stage"] for row in rows if row["event"] == "stage"]
    assert stages == ["grub", "loader", "maintenance"]
    assert rows[-1]["event"] == "end"
    assert rows[-1]["node"]["fingerprint"] == PIN
    assert next(row for row in rows if row["event"] == "facts")["addresses"] == ["10.0.0.2"]


def test_letter_in_two_pieces_is_one() -> None:
    """Pieces end where they will; a letter of two bytes comes out whole."""
    rows: list[dict[str, object]] = []

    class Kept(Printer):
        def _show_row(self, row: dict[str, object]) -> None:
            rows.append(row)

    printer = Kept(output="jsonl", stages=False, expects=False)
    for piece in (b"\xc3", b"\xbc"):
        printer(ConsoleOutput(data=piece))
    assert "".join(str(row["text"]) for row in rows) == "\u00fc"


def test_json_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """With `-o json`, stdout holds one object: result, boots with their stages, node."""
    with board() as url:
        assert run(["console", url, "--expect", "maintenance", "-o", "json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["result"], seen["reached"], seen["baud"]) == ("reached", "maintenance", 115200)
    assert [each["stage"] for each in seen["boots"][0]["stages"]] == [
        "grub",
        "loader",
        "maintenance",
    ]
    assert seen["node"] == {
        "state": "maintenance",
        "addresses": ["10.0.0.2"],
        "fingerprint": PIN,
        "card": "0123456789abcdef",
    }


def test_stages_alone_are_data(capsys: pytest.CaptureFixture[str]) -> None:
    """With `--stages`, stdout holds stages and timeline and nothing of the console."""
    with board() as url:
        assert run(["console", url, "--stages", "--timeout", "0.5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("stage grub (boot 1): Welcome to GRUB!\n")
    assert "  maintenance" in out
    assert "\r" not in out


def test_stage_that_does_not_come(capsys: pytest.CaptureFixture[str]) -> None:
    """A stage that is not reached in time is exit code 11, and says how far the board came."""
    with board() as url:
        assert run(["console", url, "--expect", "running", "--timeout", "0.5"]) == 11
    assert "no running within 0.5 s; last was maintenance" in capsys.readouterr().err


def test_failure_ends_it_early(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure that the table knows is exit code 12, with one sentence on what to do."""
    with board(BOOT + PANIC) as url:
        assert run(["console", url, "--expect", "running", "--timeout", "20"]) == 12
    err = capsys.readouterr().err
    assert "kernel-failed: " in err
    assert "no initramfs" in err


def test_failure_can_be_waited_out(capsys: pytest.CaptureFixture[str]) -> None:
    """With --keep-going a panic is only noted: the watchdog may start the other slot."""
    with board(PANIC + BOOT) as url:
        arguments = ["console", url, "--expect", "maintenance", "--keep-going", "-o", "json"]
        assert run(arguments) == 0
    boots = json.loads(capsys.readouterr().out)["boots"]
    assert boots[0]["troubles"][0]["stage"] == "kernel-failed"
    assert "initramfs" in boots[0]["troubles"][0]["advice"]
    assert boots[1]["stages"][-1]["stage"] == "maintenance"


def test_console_that_stays_away(capsys: pytest.CaptureFixture[str]) -> None:
    """A console that went away and is not back in time is exit code 13."""
    with board(BOOT, stays=False) as url:
        arguments = ["console", url, "--expect", "running", "--timeout", "1", "-o", "json"]
        assert run(arguments) == 13
    captured = capsys.readouterr()
    assert "is away; no running within 1.0 s, last was maintenance" in captured.err
    assert json.loads(captured.out)["result"] == "lost"


def test_console_server_hangs_up_and_comes_back(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Over RFC 2217, too, stages and boots are counted on, and what comes after is read."""
    log = tmp_path / "log"
    with PortServer(greeting=b"Welcome to GRUB!\r\nedge: loader\r\n") as server:

        def trouble() -> None:
            until_log_has(b"edge: loader")
            server.hang_up()
            server.say(b"edge: init 0.1\r\n")
            until_log_has(b"edge: init")
            server.go_away()
            server.come_back()
            server.say(BOOT.splitlines(keepends=True)[-1])

        def until_log_has(text: bytes) -> None:
            deadline = monotonic() + 60
            while not log.exists() or text not in log.read_bytes():
                assert monotonic() < deadline, f"{text!r} is not read"
                pause.wait(0.02)

        pause = threading.Event()
        thread = threading.Thread(target=trouble)
        thread.start()
        words = ["console", server.url, "--expect", "maintenance", "--timeout", "60"]
        assert run([*words, "--log", str(log)]) == 0
        thread.join()
    out, err = capfdbinary.readouterr()
    assert b"stage=maintenance\n" in out
    assert err.count(b"went away: the other end closed it; waiting for it") == 2
    assert err.count(b" is back\n") == 2
    assert b"edge: init 0.1" in err


def test_noise_names_the_speed(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """What is no text is said to be the wrong speed, with the other one to try."""
    with board(bytes(range(0x80, 0x100)) * 8) as url:
        arguments = ["console", url, "--board", "rpi4", "--expect", "kernel", "--timeout", "0.5"]
        assert run(arguments) == 11
    assert capfdbinary.readouterr().err.count(b"try --baud 1500000") == 2


def test_unknown_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown stage is a usage error that lists the known ones."""
    assert run(["console", "socket://x:1", "--expect", "nirvana"]) == 2
    assert "maintenance" in capsys.readouterr().err


def test_unknown_board(capsys: pytest.CaptureFixture[str]) -> None:
    """A board that has no profile is named with those that have."""
    assert run(["console", "socket://x:1", "--board", "abacus"]) == 4
    assert "rpi4" in capsys.readouterr().err


def test_speed_beats_the_board(capsys: pytest.CaptureFixture[str]) -> None:
    """A speed on the command line is taken instead of the board's."""
    with board() as url:
        arguments = ["--board", "rpi4", "--baud", "9600", "--expect", "loader", "-o", "json"]
        assert run(["console", url, *arguments]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["baud"], seen["board"]) == (9600, "rpi4")


def test_ports_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With --list the command lists what could be a console, and succeeds."""
    assert run(["console", "--list"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("DEVICE") or "no serial port found" in captured.err


@pytest.mark.parametrize("wrong", ["/dev/null", "/dev", "/etc/hostname", "ttyUSB99", ""])
def test_wrong_device_is_one_line(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no console is refused in one line and a hint, with exit code 9."""
    assert run(["console", wrong]) == 9
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= 2
    assert lines[0].startswith("edgectl: ")


@pytest.mark.parametrize("wrong", ["tcp://x", "socket://host", "rfc2217://host:x"])
def test_malformed_url_is_a_mistake_on_the_command_line(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What no server could mend is exit code 2, and no server is blamed."""
    assert run(["console", wrong]) == 2
    assert "server runs" not in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--log", "--text-log"])
def test_log_is_tried_before_anything_is_opened(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log that cannot be written is told at once, with what to do."""
    gone = str(tmp_path / "gone/x")
    assert run(["console", "socket://127.0.0.1:1", option, gone]) == 1
    told = capsys.readouterr().err
    assert f"cannot write the log {gone}" in told
    assert "name a file in a folder" in told


def test_full_disk_behind_stdout_is_named() -> None:
    """Not the folders of edgectl are full, but where its output goes."""
    with board() as url, Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "edge", "console", url]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1
    assert b"cannot write to stdout: No space left on device" in done.stderr
    assert b"EDGECTL_HOME" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_interrupt_ends_well() -> None:
    """Ctrl-C ends the console with a timeline and exit code 0."""
    with board() as url:
        command = [sys.executable, "-m", "edge", "console", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert any(b"stage maintenance" in line for line in process.stderr)
            assert process.stdout.read(len(BOOT)) == BOOT
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
            assert b"1 boot, last stage" in process.stderr.read()


def test_interrupted_wait_is_no_success() -> None:
    """Ctrl-C while a stage is waited for is exit code 130, so that a script stops too."""
    with board() as url:
        command = [sys.executable, "-m", "edge", "console", url, "--expect", "running"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            assert any(b"stage maintenance" in line for line in process.stderr)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130


def test_killed_process_loses_nothing(tmp_path: Path) -> None:
    """What came before a kill -9 is in both logs."""
    ours, theirs = os.openpty()
    raw, text = tmp_path / "raw.log", tmp_path / "text.log"
    arguments = [os.ttyname(theirs), "--log", str(raw), "--text-log", str(text)]
    command = [sys.executable, "-m", "edge", "console", *arguments]
    try:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as gone:
            assert gone.stderr is not None
            assert b"following" in gone.stderr.readline()
            os.write(ours, BOOT)
            assert any(b"stage maintenance" in line for line in gone.stderr)
            gone.kill()
    finally:
        os.close(ours)
        os.close(theirs)
    assert raw.read_bytes() == BOOT
    assert text.read_text().splitlines()[-1].endswith("card 0123456789abcdef")
