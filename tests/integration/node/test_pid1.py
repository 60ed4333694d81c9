# SPDX-License-Identifier: Apache-2.0
"""PID 1 in a process namespace: reaping, restarting, and the ends of the machine.

A restart ends the namespace's first process as by SIGHUP, a power-off as by SIGINT (reboot(2)).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.node import init

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).parent / "pid1.py"
RESTARTED, POWERED_OFF = -signal.SIGHUP, -signal.SIGINT
RSS_KIB = 15 * 1024

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="a process namespace needs root and unshare",
)


@contextmanager
def _running(folder: Path, script: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run PID 1 around `script`, and end the namespace if nothing else does."""
    (folder / "machined.py").write_text(f"import os, signal, sys, time\n{script}")
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with (folder / "console").open("wb") as console:
        process = subprocess.Popen(
            [*command, sys.executable, str(PROGRAM), str(folder / "machined.py")],
            stderr=console,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _first(process: subprocess.Popen[bytes]) -> int:
    """Return the id, outside, of the namespace's first process."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0])


def _wait(condition: Callable[[], bool], deadline_s: float = 60.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to it in time"
        _pause()


def _pause() -> None:
    signal.sigtimedwait([], 0.02)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Return how the namespace ended: `unshare` ends as its child did."""
    return process.wait(timeout=60)


@pytest.mark.parametrize(("code", "end"), [(64, RESTARTED), (65, POWERED_OFF)])
def test_the_machine_ends_as_machined_asks(tmp_path: Path, code: int, end: int) -> None:
    """By exit code, after the disks were let go."""
    with _running(tmp_path, f"sys.exit({code})") as process:
        assert _end(process) == end
    said = (tmp_path / "console").read_text().splitlines()
    assert said == [f"edge: {'rebooting' if code == 64 else 'powering off'}", "edge: unmounted"]


@pytest.mark.parametrize(
    ("number", "end"), [(signal.SIGTERM, POWERED_OFF), (signal.SIGINT, RESTARTED)]
)
def test_signals_end_the_machine(tmp_path: Path, number: int, end: int) -> None:
    """Ctrl-alt-delete is a restart; machined is told to end first."""
    script = """
signal.signal(signal.SIGTERM, lambda *_: (open("ended", "w"), os._exit(0)))
open("started", "w").close()
while True:
    time.sleep(1)
"""
    with _running(tmp_path, script) as process:
        _wait((tmp_path / "started").exists)
        os.kill(_first(process), number)
        assert _end(process) == end
    assert (tmp_path / "ended").exists()


def test_machined_starts_clean(tmp_path: Path) -> None:
    """As a new process would: no signal held back, no file of PID 1's, its own environment."""
    script = """
import json
blocked = sorted(int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
files = sorted(each for each in os.listdir("/proc/self/fd"))
found = {"blocked": blocked, "files": files, "environment": dict(os.environ)}
with open("found.new", "w") as file:
    json.dump(found, file)
os.rename("found.new", "found")
sys.exit(64)
"""
    with _running(tmp_path, script) as process:
        assert _end(process) == RESTARTED
    found = json.loads((tmp_path / "found").read_text())
    assert found["blocked"] == []
    # The fourth is the listing's own.
    assert found["files"] == ["0", "1", "2", "3"]
    assert found["environment"] == init.ENVIRONMENT


def test_an_error_in_machined_ends_machined_alone(tmp_path: Path) -> None:
    """It is told on the console, and the second life ends the machine."""
    script = """
if not os.path.exists("first"):
    open("first", "w").close()
    raise LookupError("nothing there")
sys.exit(64)
"""
    with _running(tmp_path, script) as process:
        assert _end(process) == RESTARTED
    said = (tmp_path / "console").read_text()
    assert "LookupError: nothing there" in said
    assert said.count("edge: rebooting") == 1


def test_orphans_are_reaped(tmp_path: Path) -> None:
    """However many machined leaves behind, and while it lives on."""
    script = """
for _ in range(50):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(7)
        os._exit(0)
    os.wait()
while True:
    left = [p for p in os.listdir("/proc") if p.isdigit()]
    if len(left) == 2:
        open("reaped", "w").close()
    time.sleep(0.02)
"""
    with _running(tmp_path, script):
        _wait((tmp_path / "reaped").exists)


def test_an_orphan_with_a_telling_exit_code_ends_nothing(tmp_path: Path) -> None:
    """Only machined may ask for the end."""
    script = """
if os.fork() == 0:
    if os.fork() == 0:
        os._exit(64)
    os._exit(65)
os.wait()
time.sleep(0.3)
open("alive", "w").close()
time.sleep(60)
"""
    with _running(tmp_path, script) as process:
        _wait((tmp_path / "alive").exists)
        assert process.poll() is None


def test_machined_is_restarted_after_a_crash(tmp_path: Path) -> None:
    """By a signal as by an exit code; the second life ends the machine."""
    script = """
if not os.path.exists("first"):
    open("first", "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(64)
"""
    with _running(tmp_path, script) as process:
        assert _end(process) == RESTARTED
    line = "edge: machined ended with -9, starting again in 1 s"
    assert line in (tmp_path / "console").read_text().splitlines()


def test_who_does_not_listen_is_ended(tmp_path: Path) -> None:
    """A process that ignores being asked holds nothing up for long."""
    script = """
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open("deaf", "w").close()
    while True:
        time.sleep(1)
while not os.path.exists("deaf"):
    time.sleep(0.01)
sys.exit(65)
"""
    started = time.monotonic()
    with _running(tmp_path, script) as process:
        assert _end(process) == POWERED_OFF
    assert time.monotonic() - started < 30


def test_it_is_small(tmp_path: Path) -> None:
    """Memory is what a board has least of, and this never ends."""
    with _running(tmp_path, "open('started', 'w').close(); time.sleep(60)") as process:
        _wait((tmp_path / "started").exists)
        status = Path(f"/proc/{_first(process)}/status").read_text()
    rss = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    assert int(rss.split()[1]) < RSS_KIB
